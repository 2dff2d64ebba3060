/* Where the SDKs lie on this machine: `stead sdk [LANGUAGE]`, for the commands that test a function without a server.
 *
 * The same places as `stead serve` looks at: STEAD_SDK_DIR, share/stead/sdk beside an installed program, the source
 * tree that it was built in. Main thread. */
#ifndef STEAD_CLI_SDK_H
#define STEAD_CLI_SDK_H

#include "cli/command.h"

enum { SDK_PATH_BYTES = 4096 };

/* The real path of the folder, or of a language's folder in it if `language` is not NULL. False if there is none. */
bool sdk_find(const char *language, char ret_path[SDK_PATH_BYTES]);
int sdk_run(const struct arguments *arguments);

#endif
