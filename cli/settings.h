/* The configuration as the command line gives it: --config or STEAD_CONFIG, the environment, and flags that override
 * both. `stead config check|print|schema` and `stead serve` live here too, since they are little more than that. */
#ifndef STEAD_CLI_SETTINGS_H
#define STEAD_CLI_SETTINGS_H

#include "adapters/config/config.h"
#include "cli/command.h"

/* Loads it. On false the problems are on stderr, one a line, and *ret_exit is the exit code. config_free() it. */
bool settings_load(const struct arguments *arguments, struct config *ret_config, int *ret_exit);

int config_check_run(const struct arguments *arguments);
int config_print_run(const struct arguments *arguments);
int config_schema_run(const struct arguments *arguments);
int serve_command_run(const struct arguments *arguments);

#endif
