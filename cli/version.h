/* `stead version`: what was built, and with which libraries. */
#ifndef STEAD_CLI_VERSION_H
#define STEAD_CLI_VERSION_H

#include "cli/command.h"

int version_run(const struct arguments *arguments);

#endif
