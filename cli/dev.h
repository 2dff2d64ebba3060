/* `stead dev`: everything on one machine for the one who writes functions. */
#ifndef STEAD_CLI_DEV_H
#define STEAD_CLI_DEV_H

#include "cli/command.h"

int dev_run(const struct arguments *arguments);

#endif
