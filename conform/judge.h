/* Whether what a real broker did is something that the model may do: refinement, not equality. Where the model has a
 * choice (JET_CHOICES), or a timer may have gone off before a line or after it, all ways are tried until one explains
 * the whole trace. No threads of its own; several may judge at once. */
#ifndef STEAD_CONFORM_JUDGE_H
#define STEAD_CONFORM_JUDGE_H

#include "conform/cast.h"
#include "conform/trace.h"

struct judge_options {
    uint32_t bug;     /* planted in the model */
    uint64_t late_ns; /* how late a real broker's answer to time may be; 0: the usual */
    bool count;       /* find out which choices were certainly made */
};

struct judge_report {
    bool allowed, exhausted; /* exhausted: tried as often as may be, without an answer */
    uint32_t tries;
    uint32_t line; /* that could not be explained */
    char why[240];
    uint32_t seen[JET_CHOICE_COUNT][2]; /* how often the other way could not have been */
};

/* False if memory is short. */
bool judge(const struct script *script, const struct cast *cast, struct trace *trace,
           const struct judge_options *options, struct judge_report *ret_report);

#endif
