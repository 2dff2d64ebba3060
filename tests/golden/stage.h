/* Cores on a stage: each speaks by its effects, which are written down as lines; facts are told by words.
 *
 * Names of requests, functions, versions and workers are texts here and keys or handles in the cores; the stage
 * keeps both. An unknown word ends the program with the line it stands in. One thread; the stage lives as long as
 * the program. */
#ifndef STEAD_TESTS_GOLDEN_STAGE_H
#define STEAD_TESTS_GOLDEN_STAGE_H

#include <stdio.h>

#include "core/core.h"
#include "core/state.h"

enum { ACTORS = 2, NAMES = 64, NAME_SIZE = 32, QUESTIONS = 128, WORKERS = 32, BLOBS = 512, WORDS = 20 };

struct name {
    char text[NAME_SIZE];
    struct key key;
};

/* What an actor asked last: the operation that an answer must quote. */
struct question {
    enum effect_kind kind;
    struct key about; /* the request's or the function's name */
    uint64_t operation, nonce;
};

struct run {
    struct key request;
    struct handle worker;
    uint16_t stream;
};

struct actor {
    const char *name;
    struct core *core;
    uint32_t epoch;
    struct question questions[QUESTIONS];
    struct run runs[QUESTIONS];
    struct handle workers[WORKERS]; /* w1 is the first */
    struct key blobs[BLOBS];        /* by slot: the request that it belongs to */
    uint32_t questions_count, runs_count, workers_count, blobs_count;
    bool silent; /* what it does now is not written down */
};

struct stage {
    FILE *out;
    uint64_t now_ns;
    struct actor actors[ACTORS];
    struct name names[NAMES];
    uint32_t names_count, line;
};

struct words {
    const char *word[WORDS];
    uint32_t count;
};

_Noreturn void stage_fail(const struct stage *stage, const char *what, const char *word);
struct key stage_key(struct stage *stage, const char *text); /* makes one if the text is new */
const char *stage_name(const struct stage *stage, struct key key);
struct actor *stage_actor(struct stage *stage, const char *name);
/* Steps the actor's core, then ticks it while something is due now. Facts of broker connections get its epoch. */
void stage_input(struct stage *stage, struct actor *actor, struct input input);
/* Moves the time, with ticks at each deadline of each actor. */
void stage_wait(struct stage *stage, uint64_t until_ms);
struct blob stage_blob(struct actor *actor, struct key request);
/* The last question of that kind about that name. */
const struct question *stage_question(const struct stage *stage, const struct actor *actor, enum effect_kind kind,
                                      struct key about);
const struct run *stage_run(const struct stage *stage, const struct actor *actor, struct key request);

/* words.c: tells the actor a fact, in the words of a script line */
void stage_tell(struct stage *stage, struct actor *actor, const struct words *words);
/* The value after an option's name, or `otherwise`. */
uint64_t words_option(const struct words *words, const char *name, uint64_t otherwise);

/* effect.c: writes down what an actor asks for, and remembers it */
void stage_hear(struct stage *stage, struct actor *actor, const struct effect *effect);

#endif
