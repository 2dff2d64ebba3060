/* `stead instance ls|get`: the live instances. */
#ifndef STEAD_CLI_INSTANCES_H
#define STEAD_CLI_INSTANCES_H

#include "cli/command.h"

int instance_ls_run(const struct arguments *arguments);
int instance_get_run(const struct arguments *arguments);

#endif
