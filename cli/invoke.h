/* `stead invoke`: one call; the answer's body alone goes to stdout. */
#ifndef STEAD_CLI_INVOKE_H
#define STEAD_CLI_INVOKE_H

#include "cli/command.h"

int invoke_run(const struct arguments *arguments);

#endif
