/* The sweeper ends what nobody else can: requests that wait for a function which no live instance takes from (it is
 * paused, its language is served nowhere, its version does not start) and whose time is over, requests of a
 * function that is to go, and mail for functions of which there is no record. One instance sweeps, by a lease at
 * the broker; two at once would do no harm, since every end is a result that is only ever created.
 *
 * A visit is one pull that waits shortly. What comes is checked like any message that was perhaps delivered before:
 * a stored result, a spent budget or a poisonous one ends it. The rest stays in hand until the visit is over and
 * goes back together: one by one, the broker would give each again before it gives the next.
 *
 * The lease counts from when its last confirmed renewal was sent, less a margin: the broker's clock runs from when
 * it came. An unknown outcome extends nothing. */
#include "core/banned.h"
#include "core/draw.h"
#include "core/machine.h"

enum {
    RENEWALS = 3,     /* within the life of a lease */
    MARGIN_PARTS = 5, /* one of them is not used */
    VISIT_MESSAGES_MAX = 64,
    VISIT_PULL_NS = 500000000,
    VISIT_AGAIN_NS = 1000000000,
};

#define TOLD_NS UINT64_C(5000000000) /* what others do with a queue is believed for so long, at least */

/* -- the lease ----------------------------------------------------------------------------------------------------- */

bool sweep_held(const struct core *core)
{
    bool held = core->lease.revision != 0 && core->lease.until_ns > core->now_ns;
    held = held || MUTANT(LEASE_IGNORED); /* S24 */
    return held && core->link_up && !core->draining;
}

static bool sweeps(const struct core *core)
{
    return core->settings.sweep_ns != 0 && core->settings.lease_ns != 0 && core->link_up && !core->draining;
}

void sweep_arm(struct core *core)
{
    timer_set(core, timer_of_sweep(core), sweeps(core) ? core->lease.next_ns : CORE_NEVER);
}

static void lease_next(struct core *core, uint64_t at_ns)
{
    core->lease.next_ns = at_ns;
    sweep_arm(core);
}

static void lease_ask(struct core *core)
{
    struct lease *lease = &core->lease;
    lease->operation = operation_new(core, (struct handle){ 0 });
    lease->asked_ns = core->now_ns;
    struct effect *put = emit(core, EFFECT_LEASE_PUT);
    put->operation = lease->operation;
    put->reference = lease->revision;
    lease_next(core, core->now_ns + core->settings.lease_ns / RENEWALS);
}

void sweep_timer(struct core *core)
{
    if (!sweeps(core)) {
        return;
    }
    if (core->lease.until_ns <= core->now_ns) {
        core->lease.revision = 0; /* It may be somebody else's by now. */
    }
    if (core->lease.operation != 0) {
        link_unanswered(core);
    }
    lease_ask(core);
}

/* Somebody has it: again when it may be over, not all at once. */
static void lease_refused(struct core *core)
{
    uint64_t half_ns = core->settings.lease_ns / 2;
    core->lease.revision = 0;
    core->lease.until_ns = 0;
    uint64_t random = draw(core->seed, core->lease.tries++, DRAW_LEASE, 0);
    lease_next(core, core->now_ns + half_ns + draw_below(random, half_ns));
}

void sweep_leased(struct core *core, const struct input *input)
{
    struct lease *lease = &core->lease;
    if (lease->operation == 0 || lease->operation != input->answers || input->epoch != core->epoch || !sweeps(core)) {
        return;
    }
    lease->operation = 0;
    if (input->outcome == OUTCOME_DONE) {
        lease->revision = input->as.lease.revision;
        lease->until_ns = lease->asked_ns + core->settings.lease_ns - core->settings.lease_ns / MARGIN_PARTS;
        walk_arm(core);
    } else if (input->outcome == OUTCOME_REFUSED) {
        lease_refused(core);
    } else {
        lease_next(core, core->now_ns + core->settings.publish_timeout_ns);
    }
}

void sweep_link_down(struct core *core)
{
    core->lease.operation = 0;
    core->lease.next_ns = core->now_ns; /* Asked for as soon as there is a link. */
    sweep_arm(core);
}

void sweep_drain(struct core *core)
{
    if (core->lease.revision != 0 && core->link_up) {
        emit(core, EFFECT_LEASE_DROP)->reference = core->lease.revision;
    }
    core->lease = (struct lease){ 0 };
    sweep_arm(core);
}

/* -- what was seen ------------------------------------------------------------------------------------------------- */

void sweep_queue(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.queue.function);
    bool stray = input->kind == INPUT_STRAY;
    if (index == NOWHERE && stray && sweep_held(core) && input->as.queue.messages > 0) {
        index = function_stray(core, input->as.queue.function);
    }
    if (index == NOWHERE || function_at(core, index)->owner != NOWHERE || stray != function_at(core, index)->stray) {
        return;
    }
    struct function *function = function_at(core, index);
    queue_seen(core, function, input);
    if (input->as.queue.takers != TAKERS_UNKNOWN || !sweep_held(core)) {
        function->takers = input->as.queue.takers;
        function->told_ns = core->now_ns;
    }
    function_dirty(core, index);
}

/* -- visits -------------------------------------------------------------------------------------------------------- */

/* Nobody takes from its queue here; a version that is on its way up soon will. */
static bool visitable(const struct function *function)
{
    bool coming = function->row.state == FUNCTION_BUILDING || function->row.state == FUNCTION_PROBING;
    bool takes = function->serving && !function->paused;
    bool ends = function->closing == CLOSING_END && function->row.state != FUNCTION_ELSEWHERE;
    return function->owner == NOWHERE && function->row.state != FUNCTION_RETIRING && !takes && !ends &&
           (!coming || function->paused);
}

bool sweep_wants(const struct core *core, const struct function *function)
{
    uint64_t age_ns = core->now_ns - function->told_ns;
    bool told = function->told_ns != 0 && (age_ns <= TOLD_NS || age_ns <= core->settings.sweep_ns);
    return !MUTANT(SWEEPS_NOTHING) && sweep_held(core) && visitable(function) && told && function->takers == 0 &&
           function->messages > 0;
}

static bool visit_due(const struct core *core, const struct function *function)
{
    return sweep_wants(core, function) && function->outstanding == 0 && core->full_until_ns <= core->now_ns;
}

static void visit_begin(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    uint32_t spare = 1 + pump_spare(core, function), room = pump_table_room(core);
    uint32_t ending = function->references; /* of the visit before: their results are being stored */
    uint32_t most = ending < VISIT_MESSAGES_MAX ? VISIT_MESSAGES_MAX - ending : 0;
    uint32_t count = spare < most ? spare : most;
    count = count < room ? count : room;
    if (count == 0) {
        function->visit_ns = core->now_ns + VISIT_AGAIN_NS;
        return;
    }
    function->visited = true;
    function->visit_got = 0;
    function->visit_want = count;
    pump_ask(core, index, count, VISIT_PULL_NS);
}

/* What came for other reasons is the pump's to give back. */
static void visit_return(struct core *core, uint32_t index, uint64_t delay_ns)
{
    uint32_t next;
    for (uint32_t at = function_at(core, index)->queue.first; at != NOWHERE && emit_room(core); at = next) {
        next = delivery_at(core, at)->node.after;
        if (delivery_at(core, at)->visited) {
            delivery_hand_back(core, at, CAUSE_NOT_SERVED, delay_ns);
        }
    }
}

/* If all that was asked for came there is more behind it: that is looked at next, while this waits. If all of it ends
 * that is at once: a long queue must not take as many seconds as it takes visits. */
static void visit_end(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    bool more = function->visit_got >= function->visit_want;
    bool all_ended = function->visit_got > 0 && function->queue.count == 0;
    bool at_once = all_ended && more && function->in_hand == 0;
    function->visited = false;
    /* Or the consumer is looked at, or a new mark is taken. */
    bool as_told = function->visit_got > 0 && (!function->stray || all_ended);
    function->consumer_ready = function->consumer_ready && as_told;
    uint64_t pause_ns = all_ended || more ? VISIT_AGAIN_NS : core->settings.sweep_ns;
    function->visit_ns = core->now_ns + (at_once ? 0 : pause_ns);
    visit_return(core, index, more ? core->settings.sweep_ns : 0);
}

/* A stray is kept only as long as there is mail for it, and we sweep. */
static void stray_forget(struct core *core, uint32_t index)
{
    const struct function *function = function_at(core, index);
    bool held = sweep_held(core);
    if (function->references > 0 || function->outstanding > 0 || (held && function->messages > 0)) {
        return;
    }
    if (held && function->told_ns != 0) { /* The walk may know of a function before its record is read. */
        emit(core, EFFECT_DROP_CONSUMER)->about = pool_handle(core, &core->functions, index);
    }
    function_retire(core, index);
}

uint64_t sweep_visit(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->outstanding > 0 && core->now_ns >= function->pull_until_ns && visitable(function)) {
        function_outstanding(core, index, 0); /* Its end was lost. */
        function->consumer_ready = false;
    }
    if (function->visited) {
        bool goes_on = sweep_held(core) && visitable(function) && function->outstanding > 0;
        if (goes_on) {
            return function->pull_until_ns;
        }
        visit_end(core, index);
    }
    if (function->stray && function->row.state != FUNCTION_RETIRING) {
        stray_forget(core, index);
    }
    if (!visit_due(core, function)) {
        return CORE_NEVER; /* What is seen next wakes it. */
    }
    if (function->visit_ns > core->now_ns) {
        return function->visit_ns;
    }
    if (!function->consumer_ready) {
        if (function->consumer_retry_ns <= core->now_ns) {
            function_consumer_ask(core, index);
        }
        return function->consumer_retry_ns;
    }
    visit_begin(core, index);
    return function->visited ? function->pull_until_ns : function->visit_ns;
}

static bool mark_ripe(const struct core *core, const struct function *function)
{
    return core->now_ns - function->mark_ns >= core->settings.sweep_ns;
}

/* How far the stream goes now. No clock but ours tells how long a message has waited since. */
void sweep_mark(struct core *core, uint32_t index, uint64_t last)
{
    struct function *function = function_at(core, index);
    if (last < function->mark) {
        function->mark = function->ripe = 0; /* another stream */
        function->mark_ns = core->now_ns;
    } else if (mark_ripe(core, function)) {
        function->ripe = function->mark;
        function->mark = last;
        function->mark_ns = core->now_ns;
    }
}

/* On the next connection the records may tell of it, and a lost power gives the numbers of its messages out again. */
void sweep_unmark(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (!MUTANT(MARKS_KEPT)) { /* S25 */
        function->mark = function->ripe = function->mark_ns = 0;
    }
}

/* A stray may have been deployed since this instance looked: only what has waited for a while is nobody's. */
enum reason sweep_verdict(struct core *core, uint32_t index, uint64_t sequence)
{
    const struct function *function = function_at(core, index);
    if (function->stray) {
        bool old = sequence <= function->ripe || (sequence <= function->mark && mark_ripe(core, function));
        return old ? REASON_FUNCTION_NOT_FOUND : REASON_NONE;
    }
    return function->closing == CLOSING_END ? REASON_FUNCTION_REMOVED : REASON_NONE;
}
