/* `stead completion bash|zsh|fish`: the shell's script, from the table of commands and the text of cli/completion.
 *
 * A line "# @name@" of that text is replaced by what the emitter of that name prints: verbs, options, what a value or
 * word is. That comes from the placeholders in the table: see command.h. All goes to stdout. Main thread. */
#ifndef STEAD_CLI_COMPLETION_H
#define STEAD_CLI_COMPLETION_H

#include "cli/command.h"

int completion_run(const struct arguments *arguments);

/* Private to completion*.c. */

enum { COMPLETION_PLACE_BYTES = 64 };

struct completion_emitter {
    const char *shell;
    const char *name;
    void (*emit)(void);
};

extern const struct completion_emitter completion_emitters[]; /* ends with a shell of NULL */

/* The next placeholder of `words`, without brackets: "NAME [DIR...]" gives "NAME", then "DIR...". Start with *cursor
 * = 0; false at the end. */
bool completion_place(const char *words, size_t *cursor, char ret_place[COMPLETION_PLACE_BYTES]);

#endif
