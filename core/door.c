/* Who is let in. What can never run is refused before it costs anything, with the reason that helps most: what the
 * caller asked for comes before what stands in the way just now. But without a connection nobody knows what is there:
 * who asked for what was deployed meanwhile must not be told that it isn't. */
#include "core/banned.h"
#include "core/machine.h"

bool call_publishes(uint32_t kind)
{
    return kind == CALL_KIND_EXECUTE || kind == CALL_KIND_SUBMIT;
}

/* Why its function can't be asked, or REASON_NONE. */
static enum reason function_obstacle(struct core *core, const struct input *input, uint32_t index)
{
    const struct function *function = index == NOWHERE ? 0 : function_at(core, index);
    if (function == 0 || function->owner != NOWHERE || function->row.state == FUNCTION_RETIRING || function->stray) {
        return REASON_FUNCTION_NOT_FOUND;
    }
    if (function->closing != CLOSING_OPEN) {
        return REASON_FUNCTION_REMOVED;
    }
    if (!function->serving && function->row.state != FUNCTION_ELSEWHERE) {
        return function->row.state == FUNCTION_FAILED ? REASON_RUNTIME_UNAVAILABLE : REASON_NOT_DEPLOYED;
    }
    if (queue_full(core, function) || room_full(core, input->as.call.size)) {
        return REASON_QUEUE_FULL;
    }
    if (quarantine_holds(function) && function->route_first == NOWHERE) {
        return REASON_QUARANTINED; /* With routes another version may be meant. */
    }
    return input->as.call.alias == ALIAS_UNKNOWN ? REASON_ALIAS_NOT_FOUND : REASON_NONE;
}

/* The same id with another input is refused, and so are too many callers with one id. */
static enum reason waiters_obstacle(struct core *core, const struct input *input)
{
    uint32_t waiters = 0;
    for (uint32_t at = index_next_call(core, input->as.call.request, NOWHERE); at != NOWHERE;
         at = index_next_call(core, input->as.call.request, at)) {
        bool both = call_publishes(call_at(core, at)->kind) && call_publishes(input->as.call.kind);
        if (both && call_at(core, at)->digest != input->as.call.digest) {
            return REASON_ID_CONFLICT;
        }
        waiters++;
    }
    return waiters >= WAITERS_PER_REQUEST_MAX ? REASON_QUEUE_FULL : REASON_NONE;
}

enum reason call_obstacle(struct core *core, const struct input *input, uint32_t function)
{
    if (core->draining) {
        return REASON_SHUTTING_DOWN;
    }
    bool apart = !core->link_up && input->as.call.kind != CALL_KIND_AWAIT;
    if (apart && !(MUTANT(DOOR_KNOWS_ALL) && function == NOWHERE)) { /* S25 */
        return REASON_NATS_UNAVAILABLE;
    }
    enum reason obstacle = call_publishes(input->as.call.kind) ? function_obstacle(core, input, function) : REASON_NONE;
    if (obstacle != REASON_NONE) {
        return obstacle;
    }
    if (call_publishes(input->as.call.kind) && core->full_until_ns > core->now_ns) {
        return REASON_QUEUE_FULL;
    }
    return waiters_obstacle(core, input);
}

bool call_reads(uint32_t kind)
{
    return kind == CALL_KIND_AWAIT || kind == CALL_KIND_LOOK;
}
