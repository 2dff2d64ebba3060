/* What comes unasked: answers to our inbox, and word of changed records. Both are also looked for, so a subscription
 * that the broker forgot loses nothing; it only makes all of it late, and for ever. It shows by what is found when it
 * is looked for although it should have come. After PATIENCE of these in a row, and SILENCE_NS in which nothing came,
 * the connection is renewed, and each time after twice as many, until something comes by itself: one answer may be
 * lost for many reasons, and where there is much to do many a result is found while its answer is on its way. */
#include "core/banned.h"
#include "core/machine.h"

enum { PATIENCE = 4, DOUBLINGS_MAX = 6 };

#define SILENCE_NS UINT64_C(5000000000)

void hearing_came(struct core *core, enum heard what)
{
    core->unheard[what] = (struct unheard){ .came_ns = core->now_ns };
}

/* From now on a connection is judged: what was missed before does not count against it. */
static void hearing_begin(struct core *core)
{
    for (uint32_t what = 0; what < HEARD_COUNT; what++) {
        core->unheard[what].count = 0;
        core->unheard[what].came_ns = core->now_ns;
    }
}

void hearing_missed(struct core *core, enum heard what)
{
    struct unheard *unheard = &core->unheard[what];
    ASSERT(unheard->renewals <= DOUBLINGS_MAX);
    unheard->count += unheard->count < UINT32_MAX;
    bool few = unheard->count < (uint32_t)PATIENCE << unheard->renewals;
    if (few || core->now_ns - unheard->came_ns < SILENCE_NS || !core->link_up || MUTANT(DEAFNESS_UNSEEN)) {
        return; /* L12 */
    }
    unheard->renewals += unheard->renewals < DOUBLINGS_MAX;
    hearing_begin(core); /* Until the cut takes effect all of a backlog may be found: that is no reason for another. */
    emit(core, EFFECT_DISCONNECT)->count = what == HEARD_ANSWER ? DISCONNECT_UNANSWERED : DISCONNECT_UNTOLD;
}

void hearing_link_up(struct core *core)
{
    hearing_begin(core);
}

void hearing_change(struct core *core, const struct input *input)
{
    if (input->epoch != core->epoch || !core->link_up) {
        return;
    }
    if (input->as.change.looked_for) {
        hearing_missed(core, HEARD_CHANGE);
    } else {
        hearing_came(core, HEARD_CHANGE);
    }
}
