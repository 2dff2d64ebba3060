/* `stead dead ls|show|redrive|drop`: requests that were given up on. */
#ifndef STEAD_CLI_DEAD_H
#define STEAD_CLI_DEAD_H

#include "cli/command.h"

int dead_ls_run(const struct arguments *arguments);
int dead_show_run(const struct arguments *arguments);
int dead_redrive_run(const struct arguments *arguments);
int dead_drop_run(const struct arguments *arguments);

#endif
