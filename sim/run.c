/* One run: the world is made, events are handled one by one until the faults are over, then until all is quiet.
 *
 * The faults end after `steps` core steps (or half an hour of simulated time, in a world where little happens, or when
 * the clients run out of ids). Then
 * the world has an hour to become quiet; if it does not, the first thing that is missing is the violation. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "sim/panic.h"

enum {
    FAULT_SECONDS_MAX = 1800,
    QUIET_SECONDS_MAX = 3600,
    UNMET_EVERY = 16,
    AT_ONCE_MAX = 100000,
    STEPS_FACTOR_MAX = 40
};

static bool make_nodes(struct world *world)
{
    const struct choices *choices = &world->choices;
    uint64_t bytes = core_size(&choices->limits);
    world->copy = aligned_alloc(16, (bytes + 15) / 16 * 16);
    for (uint32_t index = 0; index < choices->nodes; index++) {
        struct node *node = &world->nodes[index];
        node->core_bytes = bytes;
        node->memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
        node->slots = calloc(BLOBS_MAX, sizeof(*node->slots));
        node->held = calloc(choices->jet.history_max + 1, sizeof(*node->held));
        if (node->memory == NULL || node->slots == NULL || node->held == NULL) {
            return false;
        }
    }
    return bytes != 0 && world->copy != NULL;
}

static void make_functions(struct world *world)
{
    for (uint32_t number = 0; number < world->choices.functions; number++) {
        struct function *function = &world->functions[number];
        uint64_t random = world_draw(world, number, PURPOSE_KEY, 0);
        function->name = version_key(number, 0);
        function->version = 1;
        function->named[0] = 1u << 1;
        function->retries_max = (uint16_t)draw_below(draw_mix(random + 1), 5);
        function->concurrency = (uint16_t)(1 + draw_below(draw_mix(random + 2), 4));
        function->workers_max = (uint16_t)(1 + draw_below(draw_mix(random + 3), 4));
        function->timeout_ns = SECOND + draw_below(draw_mix(random + 4), 10 * SECOND);
        bool cold = draw_below(draw_mix(random + 7), 8) == 0; /* Nothing is kept warm. */
        function->keep_alive_ns = cold ? 0 : SECOND + draw_below(draw_mix(random + 5), 60 * SECOND);
        function->run_ns =
            world->choices.run_ns_mean / 2 + draw_below(draw_mix(random + 6), world->choices.run_ns_mean);
    }
}

static bool world_make(struct world *world)
{
    struct choices *choices = &world->choices;
    if (world->options.schedule != NULL) {
        schedule_choices(world->options.schedule, choices);
    } else {
        choices_draw(world->options.seed, world->steps_target, choices);
    }
    world->requests_max = choices->jet.requests_max;
    world->calls_max = choices->jet.requests_max * 2;
    world->requests = calloc(world->requests_max, sizeof(*world->requests));
    world->calls = calloc(world->calls_max, sizeof(*world->calls));
    world->ran = calloc(choices->jet.history_max + 1, sizeof(*world->ran));
    struct jet_hooks hooks;
    far_end_hooks(world, &hooks);
    make_functions(world);
    return follow_begin(world) && kernel_init(&world->kernel, 1024) && make_nodes(world) && world->requests != NULL &&
           world->calls != NULL && world->ran != NULL && jet_init(&world->jet, &choices->jet, &hooks);
}

static void world_free(struct world *world)
{
    for (uint32_t index = 0; index < NODES_MAX; index++) {
        free(world->nodes[index].memory);
        free(world->nodes[index].slots);
        free(world->nodes[index].held);
    }
    free(world->copy);
    free(world->requests);
    free(world->calls);
    free(world->ran);
    follow_free(world);
    jet_free(&world->jet);
    kernel_free(&world->kernel);
    free(world);
}

static void world_begin(struct world *world)
{
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        if (!node_boot(world, index)) {
            world_violation(world, "S18", "core_init refuses these limits");
        }
        world_post(world, world->choices.heartbeat_ns, EVENT_HEARTBEAT)->node = index;
        world_post(world, world->choices.clock_every_ns, EVENT_CLOCK)->node = index;
    }
    if (world->options.schedule != NULL) {
        follow_call_post(world);
    } else {
        world_post(world, SECOND, EVENT_ARRIVAL);
    }
    fault_begin(world);
}

/* -- events -- */

static void event_input(struct world *world, const struct event *event)
{
    struct node *node = &world->nodes[event->node];
    struct input input = event->input;
    if (input.kind == INPUT_LINK_DOWN) {
        node->link.told_up = false;
    }
    node_step(world, event->node, &input, &event->content);
}

static void event_stopped(struct world *world, uint32_t index)
{
    node_crash(world, index);
    uint64_t later = 100 * MILLISECOND + world_draw_below(world, SECOND, index, PURPOSE_BOOT,
                                                          UINT64_C(1) << 32 | world->nodes[index].incarnation);
    node_boot_later(world, index, later);
}

static void event_boot(struct world *world, uint32_t index)
{
    if (world->nodes[index].state == NODE_DOWN && !node_boot(world, index)) {
        world_violation(world, "S18", "core_init refuses these limits");
    }
}

static void event_of_node(struct world *world, const struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case EVENT_FROM_BROKER:
        wire_arrived(world, event);
        return;
    case EVENT_INPUT:
        event_input(world, event);
        return;
    case EVENT_TICK:
        node_tick(world, event->node);
        return;
    case EVENT_CONNECT:
        wire_connect(world, event->node);
        return;
    case EVENT_CONNECT_TOLD:
        wire_told(world, event);
        return;
    case EVENT_WORKER:
        process_event(world, event);
        return;
    case EVENT_STOPPED:
        event_stopped(world, event->node);
        return;
    case EVENT_FUNCTION_TOLD:
        node_set_function(world, event->node, event->number);
        return;
    case EVENT_BOOT:
        event_boot(world, event->node);
        return;
    default:
        return;
    }
}

static void put_off(struct world *world, const struct event *event, uint64_t at)
{
    struct event *later = world_post(world, at, (enum event_kind)event->kind);
    *later = *event;
    later->at = at;
}

static void event_arrival(struct world *world)
{
    if (world->options.schedule != NULL && !world->healed) {
        follow_arrival(world);
    } else if (!world->healed) {
        uint64_t mean = world->choices.arrival_ns_mean;
        uint64_t wait = mean / 4 + world_draw_below(world, mean * 3 / 2, world->arrivals, PURPOSE_ARRIVAL, 1);
        world_post(world, world->now + wait, EVENT_ARRIVAL);
        if (world->now >= world->calm_until_ns) {
            client_arrival(world);
        }
    }
}

static void event_of_world(struct world *world, const struct event *event)
{
    switch ((enum event_kind)event->kind) {
    case EVENT_TO_BROKER:
        far_end_arrived(world, event);
        return;
    case EVENT_BROKER_DUE:
        if (world->broker_up_ns > world->now) { /* what falls due while it is away does so when it is back */
            put_off(world, event, world->broker_up_ns);
            return;
        }
        jet_due(&world->jet, world->now, (enum jet_timer)event->how, event->number, event->stamp);
        return;
    case EVENT_CONNECTION_FORGOTTEN:
        jet_forget_connection(&world->jet, event->connection);
        return;
    case EVENT_HEARTBEAT:
        world_post(world, world->now + world->choices.heartbeat_ns, EVENT_HEARTBEAT)->node = event->node;
        wire_heartbeat(world, event->node);
        fair_heartbeat(world, event->node);
        return;
    case EVENT_CLOCK:
        world_post(world, world->now + world->choices.clock_every_ns, EVENT_CLOCK)->node = event->node;
        wire_clock(world, event->node);
        return;
    case EVENT_ARRIVAL:
        event_arrival(world);
        return;
    case EVENT_CANCEL:
        client_cancel(world, event->number);
        return;
    case EVENT_FAULT:
        fault_event(world, event);
        return;
    case EVENT_RECONCILE:
        fault_reconcile(world);
        return;
    case EVENT_FUNCTION_GONE:
        fault_gone(world, event->number);
        return;
    case EVENT_FUNCTION_BACK:
        if (world->functions[event->number].removed) {
            world->functions[event->number].removed = false;
            for (uint32_t index = 0; index < world->choices.nodes; index++) {
                node_set_function(world, index, event->number);
            }
        }
        return;
    default:
        return;
    }
}

/* Work that makes work without time passing, or without end, would never come to the last judgement. */
static void judge_progress(struct world *world, const struct event *event)
{
    world->at_once = event->at == world->now ? world->at_once + 1 : 0;
    if (world->at_once > AT_ONCE_MAX) {
        world_violation(world, "L10", "%d events and time stands still; the last is of kind %u for node %u",
                        AT_ONCE_MAX, event->kind, event->node);
    }
    if (world->steps > world->steps_target * STEPS_FACTOR_MAX) {
        const char *unmet = finish_unmet(world);
        world_violation(world, "L10", "%llu steps and no end: %s", (unsigned long long)world->steps,
                        unmet != NULL ? unmet : "quiet");
    }
}

static void world_handle(struct world *world, const struct event *event)
{
    judge_progress(world, event);
    world->now = event->at;
    enum event_kind kind = (enum event_kind)event->kind;
    if (event->incarnation == 0 || kind == EVENT_TO_BROKER) {
        event_of_world(world, event);
        return;
    }
    const struct node *node = &world->nodes[event->node];
    if (event->incarnation != node->incarnation) {
        return; /* meant for a process that is gone */
    }
    if (node->paused_until_ns > world->now && kind != EVENT_BOOT) {
        put_off(world, event, node->paused_until_ns);
        return;
    }
    event_of_node(world, event);
}

/* -- the run -- */

static void run_faults(struct world *world)
{
    struct event event;
    while (world->steps < world->steps_target && world->now < FAULT_SECONDS_MAX * SECOND &&
           world->requests_count < world->requests_max && world->calls_count < world->calls_max &&
           !follow_over(world) && kernel_pop(&world->kernel, &event)) {
        world_handle(world, &event);
    }
}

static void run_until_quiet(struct world *world)
{
    struct event event;
    uint64_t events = 0;
    while (kernel_pop(&world->kernel, &event)) {
        world_handle(world, &event);
        /* What a seed had posted and nobody heeds now does not count: a schedule does not post it. */
        bool heeded = event.kind != EVENT_ARRIVAL && event.kind != EVENT_FAULT;
        events += heeded;
        if (!heeded || events % UNMET_EVERY != 0) {
            continue;
        }
        const char *unmet = finish_unmet(world);
        if (unmet == NULL) {
            finish_judge(world);
            return;
        }
        if (world->now > world->healed_ns + QUIET_SECONDS_MAX * SECOND) {
            world_violation(world, (char[]){ unmet[0], unmet[1], 0 }, "%s, %d s after the heal", unmet + 4,
                            QUIET_SECONDS_MAX);
        }
    }
}

static void run_report(struct world *world)
{
    struct sim_report *report = world->report;
    report->seed = world->options.seed;
    report->steps = world->steps;
    report->events = world->kernel.popped;
    report->simulated_ns = world->now;
    report->hash = world->hash;
    report->effects_hash = world->effects_hash;
    report->nodes = world->choices.nodes;
    report->functions = world->choices.functions;
    report->requests = world->requests_count;
    report->accepted = world->requests_accepted;
    report->calls = world->calls_count;
    report->redeliveries = world->jet.redeliveries;
    report->resurrected = world->jet.resurrected;
}

/* A failed assertion of the core comes back here as a jump. */
static void run_guarded(struct world *world)
{
    struct panic panic = { 0 };
    panic_catch(&panic);
    if (setjmp(panic.back) == 0) {
        if (setjmp(world->stop) == 0) {
            world_begin(world);
            run_faults(world);
            follow_healed(world);
            fault_heal(world);
            run_until_quiet(world);
        }
    } else if (setjmp(world->stop) == 0) {
        world_violation(world, "A0", "the core asserts %s at %s:%d", panic.condition, panic.file, panic.line);
    }
    panic_catch(NULL);
}

bool sim_run(const struct sim_options *options, struct sim_report *ret_report)
{
    memset(ret_report, 0, sizeof(*ret_report));
    struct world *world = calloc(1, sizeof(*world));
    if (world == NULL) {
        return false;
    }
    world->options = *options;
    if (options->schedule != NULL) {
        world->options.seed = options->schedule->seed;
        world->options.steps = options->schedule->steps;
        world->options.mutant = options->schedule->mutant;
    }
    world->steps_target = world->options.steps != 0 ? world->options.steps : SIM_STEPS_DEFAULT;
    world->report = ret_report;
    bool made = world_make(world);
    if (made) {
        run_guarded(world);
        run_report(world);
        follow_healed(world);
        if (options->record != NULL) {
            schedule_sort(options->record);
        }
    }
    made = made && !world->memory_short;
    world_free(world);
    return made;
}
