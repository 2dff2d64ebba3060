/* `stead submit`, `stead result`, `stead cancel`: requests whose caller does not wait on the line. */
#ifndef STEAD_CLI_RESULT_H
#define STEAD_CLI_RESULT_H

#include "cli/command.h"

int submit_run(const struct arguments *arguments);
int result_run(const struct arguments *arguments);
int cancel_run(const struct arguments *arguments);

#endif
