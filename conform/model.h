/* The model's back end: one life of sim/jet.h under a script. Timers are kept as the span of time in which they may go
 * off, and what the model sent waits here until whoever drives it takes it: model_play() writes it into a trace,
 * judge.c compares it with what a real broker sent.
 *
 * The cast and the script are borrowed. model_end() frees. No threads. */
#ifndef STEAD_CONFORM_MODEL_H
#define STEAD_CONFORM_MODEL_H

#include "conform/cast.h"
#include "conform/trace.h"
#include "sim/jet.h"

enum { MODEL_TIMERS_MAX = 512, MODEL_SENT_MAX = 512 };

struct model_timer {
    uint64_t from_ns, to_ns; /* it goes off in between */
    enum jet_timer kind;
    uint32_t number, stamp;
    bool used;
};

struct model_sent {
    struct item item; /* an event; `at_ns` is when it was sent */
    uint32_t connection;
    bool taken;
};

struct model {
    struct jet jet;
    const struct script *script;
    const struct cast *cast;
    struct trace *names; /* names of pulls are looked up there */
    uint64_t now_ns, spread_ns;
    struct model_timer timers[MODEL_TIMERS_MAX];
    struct model_sent sent[MODEL_SENT_MAX];
    uint32_t sent_count;
    uint32_t generations[CAST_CONNECTIONS_MAX]; /* how often that connection was cut */
    uint32_t pulls[SCRIPT_LINES_MAX];           /* by line: the name of its pull */
    bool remade[JET_FUNCTIONS_MAX];             /* that consumer was deleted once: it does not know older tokens */
    bool overflow;
    void *owner;
    bool (*choose)(void *owner, enum jet_choice choice); /* before model_begin(); NULL: as the seed draws */
};

/* False if memory is short. `bug` is a planted bug of the model, in builds that have them. */
bool model_begin(struct model *model, const struct script *script, const struct cast *cast, struct trace *names,
                 uint64_t seed, uint32_t bug);
void model_end(struct model *model);
/* Does line `index` at `at_ns`; `sequence` is the message that its token names (0: none needed). `until_ns`: when a
 * restarted server was up again. */
struct answer model_line(struct model *model, uint32_t index, uint64_t at_ns, uint64_t until_ns, uint64_t sequence);
/* The timer that may go off first, if there is one. */
struct model_timer *model_first(struct model *model);
/* Lets go off: that timer and those of its kind that were armed for the same moment, in order. */
void model_fire(struct model *model, const struct model_timer *timer, uint64_t at_ns);
/* Whether the other one goes off with the first. */
bool model_together(const struct model_timer *lead, const struct model_timer *other);
bool model_alive(const struct model *model, const struct model_timer *timer);

/* Plays the whole script and writes what is seen. False if memory is short. */
bool model_play(const struct script *script, const struct cast *cast, uint64_t seed, uint32_t bug,
                struct trace *ret_trace);
/* The same; also the timer that is due next at its end (`used`: there is one). */
bool model_play_look(const struct script *script, const struct cast *cast, uint64_t seed, uint32_t bug,
                     struct trace *ret_trace, struct model_timer *ret_next);
/* The message that the token in line `index` names, of those that came before item `before`; 0: there was none. */
uint64_t trace_message(const struct script *script, const struct trace *trace, uint32_t index, uint32_t before);
bool line_has_token(const struct script_line *line);

#endif
