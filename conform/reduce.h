/* A script that shows a difference, made small: delta debugging over its lines, then over its numbers. */
#ifndef STEAD_CONFORM_REDUCE_H
#define STEAD_CONFORM_REDUCE_H

#include "conform/script.h"

enum { REDUCE_MANY = 32 };

struct reduce_options {
    uint32_t rounds_max;
    /* Which of up to REDUCE_MANY scripts still show it: played at once, since most of their time is waiting. */
    bool (*fail)(void *owner, const struct script *scripts, uint32_t count, bool *ret_fails);
    void *owner;
};

/* `script` fails; it is replaced by a smaller one that does. Returns the number of rounds. */
uint32_t reduce(struct script *script, const struct reduce_options *options);

#endif
