/* stead replay JOURNAL --fork: what could have come of a recorded state. */
#ifndef STEAD_CLI_REPLAY_FORK_H
#define STEAD_CLI_REPLAY_FORK_H

#include "cli/command.h"

int replay_fork_run(const struct arguments *arguments);

#endif
