/* Replays a journal: the core of this program gets the recorded inputs again, from the snapshot on, and must ask for
 * the same effects and come to the same states. Nothing else happens: no broker, no process, no clock.
 *
 * Threads: any, one at a time per thread. It catches assertions of the core: the program's stead_panic() calls
 * replay_panicked() first. */
#ifndef STEAD_SERVE_REPLAY_H
#define STEAD_SERVE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

struct core;
struct effect;

enum { REPLAY_TEXT_BYTES = 1536, REPLAY_STORY_STEPS = 32 };

struct replay_options {
    const char *path;  /* a journal's folder (its newest run is replayed) or one of its files */
    uint64_t to;       /* the last step; 0: all */
    bool effects_only; /* of any behaviour version, from an empty core: states are not compared */
    bool any_build;    /* also inputs that a core of other sources saw, to find what differs */
    /* Gets the story of the last REPLAY_STORY_STEPS steps and of the core after them, line by line; NULL: none. */
    void (*story)(void *owner, const char *line);
    /* Gets the core as it is at the end, and what it has asked for and not been answered; NULL: nothing. */
    void (*take)(void *owner, const struct core *core, const struct effect *pending, uint32_t pending_count);
    void *owner;
};

enum replay_end {
    REPLAY_SAME,      /* all that was compared is the same */
    REPLAY_DIFFERENT, /* difference says where and what */
    REPLAY_DAMAGED,   /* the same as far as it can be read; fault says what can't */
    REPLAY_ASSERTED,  /* the core failed an assertion, as it may have when it was recorded */
    REPLAY_REFUSED    /* nothing was replayed; fault says why */
};

struct replay_difference {
    uint64_t step, expected, actual; /* effects: of the step; state: before it */
    const char *what;                /* "effects" or "state" */
};

struct replay_report {
    enum replay_end end;
    char instance[64], build[64];
    uint32_t files, runs_before; /* runs_before: older ones that the folder holds as well */
    uint64_t first, last;        /* steps that were replayed */
    uint64_t hashes, effects;    /* states and lists of effects that were compared */
    uint64_t recorded_ns;        /* between the first and the last of them */
    uint64_t state;              /* hash of the core at the end */
    bool reached;                /* `to`: the rest was not looked at */
    bool sealed, torn;           /* the journal ended in order; its last record is not whole */
    struct replay_difference difference;
    char input[REPLAY_TEXT_BYTES]; /* of the step that differs or fails, in words */
    char fault[REPLAY_TEXT_BYTES];
};

void replay_run(const struct replay_options *options, struct replay_report *ret_report);
/* Does not come back if this thread is replaying. */
void replay_panicked(const char *file, int line, const char *condition);

#endif
