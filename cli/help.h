/* Help, from the table of commands alone: the overview, one command, and the reference page. All goes to stdout. */
#ifndef STEAD_CLI_HELP_H
#define STEAD_CLI_HELP_H

#include "cli/command.h"

void help_overview(void);
void help_command(const struct command *command);
/* docs/reference/cli.md */
void help_page(void);
/* `stead help [COMMAND]` and `stead help --markdown` */
int help_run(const struct arguments *arguments);
/* "usage: stead invoke NAME ..." on stderr. */
void help_usage(const struct command *command);

#endif
