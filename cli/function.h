/* `stead function ls|get|rm`. */
#ifndef STEAD_CLI_FUNCTION_H
#define STEAD_CLI_FUNCTION_H

#include "cli/command.h"

int function_ls_run(const struct arguments *arguments);
int function_get_run(const struct arguments *arguments);
int function_release_run(const struct arguments *arguments);
int function_rm_run(const struct arguments *arguments);

#endif
