/* `stead new`: a folder with a function that works, its settings, a README and a test. */
#ifndef STEAD_CLI_NEW_H
#define STEAD_CLI_NEW_H

#include "cli/command.h"

int new_run(const struct arguments *arguments);

#endif
