/* Files that are part of the program: what lies in cli/templates and cli/completion, by path from cli/.
 *
 * Written into C by embed.cmake while building, so that one binary is all that a user needs. Read-only; any thread. */
#ifndef STEAD_CLI_EMBEDDED_H
#define STEAD_CLI_EMBEDDED_H

#include "adapters/event/event.h"

struct embedded {
    const char *path; /* "templates/c/main.c" */
    struct bytes content;
};

extern const struct embedded embedded_files[]; /* ends with a path of NULL */

#endif
