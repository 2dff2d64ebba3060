/* Draws a history: one self-contained page with a timeline, so that a failure is looked at rather than read.
 *
 *   check_file(check, "run.jsonl"), check_judge(check), then
 *   check_draw(check, &(struct check_picture){ .title = "seed 42" }, out);
 *
 * Lanes are faults, brokers, instances with what runs on them, and clients. A history that is too large to look at is
 * thinned out by requests: whole requests stay, those with violations first. What was judged is shown; a history that
 * was not judged, or is cut short, is drawn all the same.
 *
 * Ownership: everything is borrowed. Any thread, one check at a time. */
#ifndef STEAD_CHECK_PICTURE_H
#define STEAD_CHECK_PICTURE_H

#include <stdio.h>

#include "check/check.h"

struct check_picture {
    const char *title;     /* one line */
    const char *reproduce; /* a command that shows the run again; NULL: none */
    /* A violation that somebody else found, as the simulator does inside; rule NULL: none. */
    const char *rule, *why;
    uint64_t t_ns;
};

enum { PICTURE_EVENTS_MAX = 120000 };

/* False if memory ran out or `out` can't be written. */
bool check_draw(const struct check *check, const struct check_picture *picture, FILE *out);

#endif
