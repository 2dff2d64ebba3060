/* The watchdog: a function has mail by the broker's own numbers, nothing of it in hand, and is given none. Brokers were
 * seen to forget a consumer's pulls or a client's interest and to say nothing, and only a new connection helped.
 *
 * Pulls end by themselves and are made anew; whoever got nothing for two of them, one after the other, has its consumer
 * looked at. If that has nothing to deliver, others hold the mail, and all is well until they must have ended: what
 * they lost is due again by then, and counts as held although nobody is given it. If it has, and as long again nothing
 * comes, the connection is renewed: each time after twice as long, until something was delivered, but always again.
 *
 * The same goes for the sweeper's visits, of which each period has one. Each connection is given all of that time: one
 * that was renewed for another function may have helped this one, too. */
#include "core/banned.h"
#include "core/machine.h"

enum { TURNS = 2, TURN_SLACK_NS = 2000000000, DOUBLINGS_MAX = 3 };

void watch_moved(struct core *core, struct function *function)
{
    function->moved_ns = core->now_ns;
    function->watch = WATCH_WAITS;
}

void watch_held(struct core *core, struct function *function, uint32_t ack_pending)
{
    if (ack_pending == 0) {
        watch_moved(core, function);
    } else if (function->watch == WATCH_LOOKED) {
        function->watch = WATCH_HELD; /* Once: it is looked at for other reasons, too. */
        function->moved_ns = core->now_ns + function->current.timeout_ns + core->settings.ack_wait_ns;
    }
}

void watch_delivered(struct core *core, struct function *function)
{
    watch_moved(core, function);
    function->renewals = 0;
}

static uint64_t watch_due_ns(const struct core *core, const struct function *function)
{
    uint64_t turn_ns = function_takes(function) ? core->settings.pull_expires_ns : core->settings.sweep_ns;
    uint64_t since_ns = function->moved_ns > core->up_ns ? function->moved_ns : core->up_ns;
    return since_ns + ((turn_ns + TURN_SLACK_NS) * TURNS << function->renewals);
}

uint64_t watch_attend(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    bool asks = (function_takes(function) || sweep_wants(core, function)) && !MUTANT(STALL_ENDURED); /* L7 */
    bool waits =
        asks && function->messages > 0 && route_in_hand(core, function) == 0 && core->full_until_ns <= core->now_ns;
    if (!waits || MUTANT(LOST_PULL_FORGOTTEN)) { /* L7 */
        watch_moved(core, function);
        return CORE_NEVER;
    }
    if (watch_due_ns(core, function) > core->now_ns || !emit_room(core)) {
        return watch_due_ns(core, function);
    }
    if (function->watch == WATCH_WAITS) {
        watch_moved(core, function);
        function->watch = WATCH_LOOKED;
        if (function->consumer_ready && function->consumer_operation == 0) {
            consumer_ask_again(core, index);
        }
    } else {
        watch_moved(core, function);
        function->renewals += function->renewals < DOUBLINGS_MAX;
        emit(core, EFFECT_DISCONNECT)->count = DISCONNECT_STALLED;
    }
    return watch_due_ns(core, function);
}
