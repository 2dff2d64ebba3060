/* How processes of functions ended, as dead letters and people are told. Loop thread only; death_drop() gives back
 * what is held. */
#ifndef STEAD_SERVE_DEATH_H
#define STEAD_SERVE_DEATH_H

#include "adapters/plugin/plugin.h"
#include "core/effect.h"
#include "serve/record.h"

struct instance;
struct function_side;

/* How a process ended. Shared by all who ran in it. */
struct death {
    uint32_t holders;
    int exit_status, exit_signal; /* signal 0: it ended by itself */
    size_t said_length;
    char said[PLUGIN_STDERR_TAIL_BYTES]; /* the end of its stderr */
};
enum { DEATH_SENTENCE_BYTES = 512 };

/* The last process that ran a delivery: its version, and how it ended if it did. */
struct ran {
    char version[SERVE_VERSION_BYTES];
    uint32_t worker;
    struct death *death;
};

void death_note(struct instance *instance, const struct plugin_event *event, struct function_side *function);
void death_drop(struct death **death);
/* Of the process that took the delivery of the effect with it; NULL if none did, or it is not known. */
const struct death *death_of(const struct instance *instance, const struct effect *effect);
/* "the function's process was ended by signal 11 (Segmentation fault): <its last line>"; "" of NULL. */
void death_sentence(const struct death *death, char ret_text[DEATH_SENTENCE_BYTES]);
/* How often the kernel has killed somebody on this machine for want of memory. */
uint64_t death_oom_kills(void);
/* Why it ended; `oom_kills_seen` is what death_oom_kills() gave at the last look, and is brought up to date. */
enum reason death_reason(const struct plugin_event *event, int64_t memory_bytes_max, uint64_t *oom_kills_seen);

#endif
