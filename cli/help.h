/* Help, from the table of commands alone: the overview, one command, and the reference page. All goes to stdout. */
#ifndef STEAD_CLI_HELP_H
#define STEAD_CLI_HELP_H

#include "cli/command.h"

enum { HELP_LEFT_BYTES = 128 };

void help_overview(void);
void help_command(const struct command *command);
/* docs/reference/cli.md */
void help_page(void);
/* `stead help [COMMAND]`, `stead help --markdown` and `stead help --man PAGE` */
int help_run(const struct arguments *arguments);
/* "-d, --data DATA" */
void help_option(const struct option *option, char ret_left[HELP_LEFT_BYTES]);
/* "usage: stead invoke NAME ..." on stderr. */
void help_usage(const struct command *command);

#endif
