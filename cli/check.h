/* `stead check HISTORY...`. */
#ifndef STEAD_CLI_CHECK_H
#define STEAD_CLI_CHECK_H

#include "cli/command.h"

int check_command_run(const struct arguments *arguments);

#endif
