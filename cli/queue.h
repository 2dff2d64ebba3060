/* `stead queue`: what is queued for whom, and whether it may begin. */
#ifndef STEAD_CLI_QUEUE_H
#define STEAD_CLI_QUEUE_H

#include "cli/command.h"

int queue_ls_run(const struct arguments *arguments);
int queue_pause_run(const struct arguments *arguments);
int queue_resume_run(const struct arguments *arguments);
int queue_drain_run(const struct arguments *arguments);

#endif
