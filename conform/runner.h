/* Plays many scripts on one site at once. Scripts that do something to the server itself meet at such a line: each
 * waits there until all have come, it is done once, and all go on. They must do the same things in the same order
 * (runner_deeds()). What a script leaves on the site is deleted when it ends (tidy.h).
 *
 * One thread; it sleeps in poll() while nothing is due. */
#ifndef STEAD_CONFORM_RUNNER_H
#define STEAD_CONFORM_RUNNER_H

#include "conform/script.h"
#include "conform/site.h"
#include "conform/trace.h"

struct job {
    const struct script *script;
    struct trace trace; /* the result; trace_free() */
    char why[120];      /* "" or why it could not be played to its end */
};

struct runner_options {
    uint32_t width;        /* scripts at a time */
    uint32_t number_first; /* of the prefix of names: no two scripts on a site may have the same */
    void (*progress)(void *owner, uint32_t done);
    void *owner;
};

/* False if memory is short. */
bool runner_play(struct site *site, struct job *jobs, uint32_t count, const struct runner_options *options);
/* What a script does to its server, as text: "restart kill9;pause 1s;". "" nothing. */
void runner_deeds(const struct script *script, char *ret_text, size_t size);

#endif
