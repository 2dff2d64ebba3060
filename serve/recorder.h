/* The flight recorder: writes every input of the core into the journal before the step, so that a crash includes its
 * cause. Numbers only: no payload byte and no name ever gets there. Loop thread.
 *
 * A record's check is the digest of the effects of the step before, or, every RECORDER_HASH_STEPS, the hash of the
 * core's state before this step; that is what `stead replay` compares. */
#ifndef STEAD_SERVE_RECORDER_H
#define STEAD_SERVE_RECORDER_H

#include "adapters/journal/journal_format.h"
#include "core/core.h"

struct instance;

enum recorder_kind { RECORDER_PLAIN = 1, RECORDER_HASHED = 2 };

enum { RECORDER_HASH_STEPS = 1024 };

/* What a journal's setup holds. */
struct recorder_setup {
    struct limits limits;
    uint32_t input_bytes; /* of struct input: another layout is another format */
    struct settings settings;
};

/* Does nothing if journal.enabled is false. A journal that can't be written is logged and done without. */
void recorder_start(struct instance *instance, const struct limits *limits, const struct settings *settings,
                    uint64_t seed);
void recorder_input(struct instance *instance, const struct input *input);
void recorder_stop(struct instance *instance); /* the journal ends in order */
/* Of all that effects mean. */
uint64_t recorder_digest(const struct effects *effects);
/* Of the core's sources that this program was built from. */
const char *recorder_build(void);

#endif
