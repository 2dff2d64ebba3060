/* The state of a core in fields with names: what `stead replay --dump` shows. A field that says nothing (a zero, none)
 * is left out. */
#ifndef STEAD_SERVE_REPLAY_DUMP_H
#define STEAD_SERVE_REPLAY_DUMP_H

#include <stdbool.h>
#include <stdint.h>

struct core;

enum { REPLAY_FIELDS_MAX = 32, REPLAY_FIELD_BYTES = 48 };

struct replay_field {
    const char *name;
    bool number; /* text is one */
    char text[REPLAY_FIELD_BYTES];
};

/* Gets one row after another: `table` is core, functions, workers, calls or deliveries. */
typedef void replay_row(void *owner, const char *table, const struct replay_field *fields, uint32_t count);

void replay_dump(const struct core *core, replay_row *row, void *owner);

#endif
