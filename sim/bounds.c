/* What may not go on for ever, nor beyond a limit. */
#include "sim/bounds.h"
#include "sim/sweeper.h"

#include <string.h>

enum { AT_ONCE_MAX = 100000, STEPS_FACTOR_MAX = 40, BOOKS_EVERY = 16384, MESSAGES_EVERY = 64, VISIT_STEPS = 4 };

/* Work that makes work without time passing, or without end, would never come to the last judgement. */
void bounds_judge_progress(struct world *world, const struct event *event)
{
    world->at_once = event->at == world->now ? world->at_once + 1 : 0;
    if (world->at_once > AT_ONCE_MAX) {
        world_violation(world, "L10", "%d events and time stands still; the last is of kind %u for node %u",
                        AT_ONCE_MAX, event->kind, event->node);
    }
    /* What nobody serves is looked at again and again until its time is over. */
    uint64_t visits = world->healed ? world->unserved * ((world->now - world->healed_ns) / SECOND) : 0;
    if (world->steps > world->steps_target * STEPS_FACTOR_MAX + visits * VISIT_STEPS) {
        const char *unmet = finish_unmet(world);
        world_violation(world, "L10", "%llu steps and no end: %s", (unsigned long long)world->steps,
                        unmet != NULL ? unmet : "quiet");
    }
}

/* What failed: a bound of the list of effects is S18. */
void bounds_judge_panic(struct world *world, const struct panic *panic)
{
    bool bound = strstr(panic->condition, "EFFECTS_") != NULL;
    world_violation(world,
                    world->garbled ? "S19"
                    : bound        ? "S18"
                                   : "A0",
                    "the core asserts %s at %s:%d", panic->condition, panic->file, panic->line);
}

/* By an instance that was healed. */
static bool serves_any(const struct world *world, uint32_t function)
{
    return function < world->choices.functions && heal_serves(world, function) && !nobody_deployed(world, function);
}

/* How long the watchdog of a core may wait until it renews a connection whose pulls the broker forgot: it looks after
 * two pulls or visits, and renews after two more, each time after twice as long as before, up to eight times as long;
 * and what others seem to hold may have an execution and an ack wait. 0 if there is no such connection. */
static uint64_t forgotten_ns(const struct world *world, uint64_t timeout_ns)
{
    enum { TURNS = 4, TURN_SLACK_SECONDS = 2, DOUBLED = 8 };
    const struct settings *settings = &world->choices.settings;
    uint64_t turn_ns = settings->pull_expires_ns > settings->sweep_ns ? settings->pull_expires_ns : settings->sweep_ns;
    bool forgotten = false;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct node *node = &world->nodes[index];
        forgotten = forgotten || (!node->left_out && node->link.up && node->link.forgotten != 0);
    }
    uint64_t waits_ns = TURNS * (turn_ns + TURN_SLACK_SECONDS * SECOND) * DOUBLED;
    return forgotten ? waits_ns + timeout_ns + settings->ack_wait_ns : 0;
}

/* What was stored while the broker's clock was ahead seems to come from the future: its time begins after that. */
static uint64_t future_ns(const struct world *world)
{
    int64_t most = 0, wall = broker_wall(world);
    for (uint64_t at = 0; (at = jet_walk(&world->jet, at + 1, world->jet.last_sequence)) != 0;) {
        int64_t ahead = jet_message(&world->jet, at)->stored_wall_ns - wall;
        most = ahead > most ? ahead : most;
    }
    return (uint64_t)most;
}

/* Messages of each function that are in the queue, and that its callers still try to put there. */
static void count_waiting(const struct world *world, uint64_t *ret_waiting)
{
    for (uint32_t number = 0; number < FUNCTIONS_MAX; number++) {
        ret_waiting[number] = world->jet.live[number];
    }
    for (uint32_t number = world->calls_settled; number < world->calls_count; number++) {
        const struct call *call = &world->calls[number];
        bool puts = call->state == CALLER_OPEN && (call->kind == CALL_KIND_EXECUTE || call->kind == CALL_KIND_SUBMIT);
        if (puts && call->function < FUNCTIONS_MAX && jet_find(&world->jet, call->request) == 0) {
            ret_waiting[call->function]++;
        }
    }
}

/* How long after the heal the last request may take, by the configuration. A request waits for room until its own
 * time is over; then it is ended when it is delivered next, which is when a delay or an ack wait is over, or an
 * instance that holds it lets it go. What runs then may use its timeout up. Before that the broker has a leader, and
 * each instance has noticed that its connection was dead and has another. What nobody serves is ended by the sweeper,
 * as many messages at a visit as it has slots, one at least; these may fill the queue until their time is over, and
 * what is let in then may wait behind others in turn. What is served and over its time ends one by one where there is
 * but one slot: it is asked for, comes, is stored, and is confirmed, and now and then the network stalls. */
uint64_t bounds_quiet_ns(struct world *world)
{
    enum {
        ELECTION_SECONDS = 8,
        RECONNECT_SECONDS = 4,
        VISIT_SECONDS = 2,
        TURN_LATENCIES = 8,
        TURN_STALLS_NS = 2000000
    };
    const struct settings *settings = &world->choices.settings;
    uint64_t timeout_ns = 0, backoff_ns = settings->retry_ns_max, unserved = 0, served = 0, waiting[FUNCTIONS_MAX];
    count_waiting(world, waiting);
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        const struct function *function = &world->functions[number];
        timeout_ns = function->timeout_ns > timeout_ns ? function->timeout_ns : timeout_ns;
        backoff_ns = function->policy.retry_ns_max > backoff_ns ? function->policy.retry_ns_max : backoff_ns;
        bool serves = serves_any(world, number);
        unserved += serves ? 0 : waiting[number];
        served += serves ? waiting[number] : 0;
    }
    uint64_t budgets = unserved != 0 ? 2 : 1, budget_ns = settings->call_budget_ns_max;
    budget_ns = settings->queue_ns_max > budget_ns ? settings->queue_ns_max : budget_ns; /* of a raw publisher */
    world->unserved = unserved;
    uint64_t turns_ns = served * (TURN_LATENCIES * world->choices.latency_ns + TURN_STALLS_NS);
    return turns_ns + future_ns(world) + forgotten_ns(world, timeout_ns) + budgets * budget_ns + timeout_ns +
           backoff_ns + settings->ack_wait_ns + settings->hold_ns_max + settings->silence_ns_max + settings->lease_ns +
           2 * settings->sweep_ns + (ELECTION_SECONDS + RECONNECT_SECONDS + VISIT_SECONDS * unserved) * SECOND;
}

/* Whether an instance that was healed has a message of it in hand. */
static bool is_in_hand(const struct world *world, uint32_t request)
{
    uint64_t sequence = jet_find(&world->jet, request);
    bool held = false;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct node *node = &world->nodes[index];
        held = held || (!node->left_out && node->state != NODE_DOWN && node->held[sequence] != 0);
    }
    return held;
}

/* One that somebody has in hand, if there is one; else one that waits in the queue. */
static uint32_t first_open(const struct world *world, bool *ret_in_hand)
{
    uint32_t first = world->requests_count;
    for (uint32_t request = 0; request < world->requests_count; request++) {
        if (world->jet.book[request] == BOOK_OPEN && is_in_hand(world, request)) {
            *ret_in_hand = true;
            return request;
        }
        first = world->jet.book[request] == BOOK_OPEN && request < first ? request : first;
    }
    *ret_in_hand = false;
    return first;
}

bool bounds_some_mute(const struct world *world)
{
    bool found = false;
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        const struct link *link = &world->nodes[index].link;
        bool mute = link->sends_until_ns <= world->now || link->hears_until_ns <= world->now;
        found = found || (!world->nodes[index].left_out && link->up && mute);
    }
    return found;
}

/* Under the id of what holds it up: an instance that is away or does not know its functions; who has it in hand, L1; or
 * that nobody is given it, L7. */
void bounds_judge_ended(struct world *world, const char *unmet)
{
    if (world->jet.books[BOOK_OPEN] == 0 || world->now <= world->ended_by_ns) {
        return;
    }
    bool in_hand;
    uint32_t request = first_open(world, &in_hand);
    bool before = unmet != NULL && (unmet[1] == '4' || unmet[1] == '5' || unmet[1] == '8');
    const char id[] = { 'L', before ? unmet[1] : in_hand ? '1' : '7', 0 };
    world_violation(world, id, "R%u has not ended, %llu s after the heal, as it must have by its configuration: %s",
                    request, (unsigned long long)((world->now - world->healed_ns) / SECOND),
                    in_hand ? "it is in hand" : "it is queued");
}

/* What a request may have cost at the broker since the heal: so much for each attempt, and each time that it was handed
 * back unrun, found nobody to run it, or was asked about again for want of an answer; and so much for each caller, who
 * looks for its result ever more slowly. */
static uint64_t messages_most(const struct world *world, uint32_t request)
{
    enum { EACH_ATTEMPT = 16, EACH_ROUND = 6, EACH_CALLER = 32 };
    const struct settings *settings = &world->choices.settings;
    uint32_t number = world->requests[request].function, calls = 0, retries = 0;
    uint64_t since_ns = world->now - world->healed_ns, round_ns = SECOND;
    if (serves_any(world, number)) {
        retries = world->functions[number].retries_max;
        round_ns = settings->hold_ns_max / 2 < settings->publish_timeout_ns ? settings->hold_ns_max / 2
                                                                            : settings->publish_timeout_ns;
    }
    for (uint32_t call = 0; call < world->calls_count; call++) {
        calls += world->calls[call].request == request;
    }
    uint64_t looks = since_ns / (settings->reply_poll_ns / 2) + since_ns / settings->publish_timeout_ns;
    return EACH_ATTEMPT * (2 + retries) + EACH_ROUND * (since_ns / round_ns) + calls * (EACH_CALLER + looks);
}

void bounds_judge_message(struct world *world, const struct event *sent)
{
    if (!world->healed || sent->effect.kind == EFFECT_EXTEND) {
        return;
    }
    bool in_hand = sent->content.kind != CONTENT_NONE;
    uint32_t number = in_hand ? sent->content.request : request_of_key(world, sent->effect.key);
    if (number >= world->requests_count || ++world->requests[number].messages % MESSAGES_EVERY != 0) {
        return;
    }
    uint64_t most = messages_most(world, number);
    if (world->requests[number].messages > most) {
        world_violation(world, "L10", "R%u cost %u messages in %llu s since the heal, at most %llu are allowed", number,
                        world->requests[number].messages,
                        (unsigned long long)((world->now - world->healed_ns) / SECOND), (unsigned long long)most);
    }
}

/* Conservation: what was accepted waits, runs, has ended, or is excused; at every step, not only in the end. What
 * is counted along the way is counted anew now and then. */
void bounds_judge_books(struct world *world)
{
    const struct jet *jet = &world->jet;
    if (jet->books[BOOK_LOST] != 0) {
        world_wrong(world, "S1", "R%u was stored, and is neither queued nor ended", jet->lost);
    }
    if (world->steps < world->books_judged + BOOKS_EVERY) {
        return;
    }
    world->books_judged = world->steps;
    bounds_judge_all_books(world);
}

void bounds_judge_all_books(struct world *world)
{
    if (!jet_books_right(&world->jet)) {
        world_violation(world, "S1", "the books of %u requests are not what the stream and the results are",
                        world->requests_count);
    }
    for (uint32_t request = 0; request < world->requests_count; request++) {
        if (world->requests[request].accepted && world->jet.book[request] == BOOK_NONE) {
            world_wrong(world, "S1", "R%u is accepted, and the stream never had it", request);
        }
    }
}
