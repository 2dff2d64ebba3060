/* `stead replay JOURNAL`. */
#ifndef STEAD_CLI_REPLAY_H
#define STEAD_CLI_REPLAY_H

#include "cli/command.h"

int replay_command_run(const struct arguments *arguments);

#endif
