/* One run: the world is made, events are handled one by one until the faults are over, then until all is quiet.
 *
 * The faults end after `steps` core steps (or half an hour of simulated time, in a world where little happens, or when
 * the clients run out of ids). Then the world has an hour to become quiet, or what its configuration may take if that
 * is longer (bounds.c); if it does not, the first thing that is missing is the violation. */
#include "sim/bounds.h"
#include "sim/fork.h"
#include "sim/planted.h"
#include "sim/sweeper.h"

#include <stdlib.h>
#include <string.h>

#include "sim/history.h"
#include "sim/part.h"

enum { FAULT_SECONDS_MAX = 1800, QUIET_SECONDS_MAX = 3600, UNMET_EVERY = 16, BEGAN_WALL_SECONDS = 1767225600 };

static bool make_nodes(struct world *world)
{
    const struct choices *choices = &world->choices;
    uint64_t bytes = core_size(&choices->limits), room = (bytes + 15) / 16 * 16;
    world->copy = aligned_alloc(16, room);
    world->other_copy = aligned_alloc(16, room);
    for (uint32_t index = 0; index < choices->nodes; index++) {
        struct node *node = &world->nodes[index];
        node->core_bytes = bytes;
        node->memory = aligned_alloc(16, room);
        node->workers_count = choices->limits.workers_max > WORKERS_MAX ? choices->limits.workers_max : WORKERS_MAX;
        node->workers = calloc(node->workers_count, sizeof(*node->workers));
        node->slots = malloc(BLOBS_MAX * sizeof(*node->slots)); /* cleared one by one, when they are taken */
        node->held = calloc(choices->jet.history_max + 1, sizeof(*node->held));
        if (node->slots != NULL) {
            node->slots[0] = (struct slot){ 0 }; /* which is none */
        }
        if (node->memory == NULL || node->workers == NULL || node->slots == NULL || node->held == NULL) {
            return false;
        }
    }
    return bytes != 0 && world->copy != NULL && world->other_copy != NULL;
}

static bool world_make(struct world *world)
{
    struct choices *choices = &world->choices;
    if (world->options.schedule != NULL) {
        schedule_choices(world->options.schedule, choices);
    } else {
        choices_draw(world->options.seed, world->steps_target, choices);
    }
    fork_choices(world);
    if (WORLD_MUTANT(world, QUEUE_DROPS_EARLY)) {
        choices->jet.age_max_ns = choices->settings.call_budget_ns_max / 2;
    }
    world->requests_max = choices->jet.requests_max;
    world->calls_max = choices->jet.requests_max * 2;
    world->requests = malloc(world->requests_max * sizeof(*world->requests)); /* these two are cleared row by row */
    world->calls = malloc(world->calls_max * sizeof(*world->calls));
    world->ran = calloc(choices->jet.history_max + 1, sizeof(*world->ran));
    struct jet_hooks hooks;
    far_end_hooks(world, &hooks);
    world_make_functions(world);
    return follow_begin(world) && kernel_init(&world->kernel) && make_nodes(world) && world->requests != NULL &&
           world->calls != NULL && world->ran != NULL && jet_init(&world->jet, &choices->jet, &hooks);
}

static void world_free(struct world *world)
{
    for (uint32_t index = 0; index < NODES_MAX; index++) {
        free(world->nodes[index].memory);
        free(world->nodes[index].workers);
        free(world->nodes[index].slots);
        free(world->nodes[index].held);
    }
    free(world->copy);
    free(world->other_copy);
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
    clock_begin(world, (int64_t)(BEGAN_WALL_SECONDS * SECOND));
    records_begin(world);
    cluster_begin(world);
    history_begin(world);
    for (uint32_t index = 0; index < world->choices.nodes; index++) {
        bool forked = index == 0 && world->options.fork != NULL;
        if (forked ? !fork_boot(world) : !node_boot(world, index)) {
            world_violation(world, "S18", "core_init refuses these limits");
        }
        world_post(world, world->choices.heartbeat_ns, EVENT_HEARTBEAT)->node = index;
        world_post(world, world->choices.clock_every_ns, EVENT_CLOCK)->node = index;
        world_post(world, SECOND, EVENT_SURVEY)->node = index;
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
    bool boots = world->nodes[index].state == NODE_DOWN && !world->nodes[index].left_out;
    if (boots && !node_boot(world, index)) {
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
    case EVENT_HINT:
        records_word(world, event->node);
        return;
    case EVENT_RECORDS:
        records_arrive(world, event->node);
        return;
    case EVENT_BOOT:
        event_boot(world, event->node);
        return;
    default:
        return;
    }
}

static void event_arrival(struct world *world)
{
    if (world->options.schedule != NULL && !world->healed) {
        follow_arrival(world);
    } else if (!world->healed) {
        uint64_t mean = world->choices.arrival_ns_mean;
        uint64_t wait = mean / 4 + world_draw_below(world, mean * 3 / 2, world->arrivals, PURPOSE_ARRIVAL, 1);
        bool calm = world->now < world->calm_until_ns; /* Nobody calls; the next one comes when that is over. */
        world_post(world, calm ? world->calm_until_ns : world->now + wait, EVENT_ARRIVAL);
        if (!calm) {
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
            world_post_again(world, world->broker_up_ns, event);
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
        records_poll(world, event->node);
        fair_heartbeat(world, event->node);
        return;
    case EVENT_CLOCK:
        world_post(world, world->now + world->choices.clock_every_ns, EVENT_CLOCK)->node = event->node;
        wire_clock(world, event->node);
        return;
    case EVENT_SURVEY:
        sweeper_look(world, event->node);
        return;
    case EVENT_RESUME:
        sweeper_resume(world, event->number);
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
    case EVENT_STEP:
        fault_step(world, event);
        return;
    case EVENT_ELECTED:
        cluster_elected(world, event);
        return;
    case EVENT_FUNCTION_GONE:
        operator_gone(world, event->number);
        return;
    case EVENT_FUNCTION_BACK:
        operator_back(world, event->number);
        return;
    default:
        return;
    }
}

static void world_handle(struct world *world, const struct event *event)
{
    bounds_judge_progress(world, event);
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
        world_post_again(world, node->paused_until_ns, event);
        return;
    }
    event_of_node(world, event);
}

/* -- the run -- */

static void run_faults(struct world *world)
{
    const struct event *event;
    while (world->steps < world->steps_target && world->now < FAULT_SECONDS_MAX * SECOND &&
           world->requests_count < world->requests_max && world->calls_count < world->calls_max &&
           !follow_over(world) && (event = kernel_pop(&world->kernel)) != NULL) {
        world_handle(world, event);
        bounds_judge_books(world);
    }
}

/* What a seed had posted and nobody heeds after the heal does not count: a schedule does not post it. */
static bool is_heeded(const struct event *event)
{
    return event->kind != EVENT_ARRIVAL && event->kind != EVENT_FAULT && event->kind != EVENT_STEP;
}

static void run_for(struct world *world, uint64_t for_ns)
{
    const struct event *event;
    uint64_t until = world->now + for_ns;
    for (bool over = false; !over && (event = kernel_pop(&world->kernel)) != NULL;) {
        world_handle(world, event);
        bounds_judge_books(world);
        over = world->now >= until && is_heeded(event);
    }
}

/* Nobody calls and nothing goes wrong: what still happens is periodic, and rare (L11). What is told again and which
 * processes end are the most of it: for each function some ten steps, every ten seconds. What was on its way when all
 * became quiet does not count: an answer may be four seconds late. */
static void run_idle(struct world *world)
{
    enum { LATE_SECONDS = 6, IDLE_SECONDS = 20, STEPS_EACH_MAX = 15 };
    run_for(world, LATE_SECONDS * SECOND);
    uint64_t before = world->steps;
    uint64_t most = (uint64_t)IDLE_SECONDS * STEPS_EACH_MAX * (1 + world->choices.functions) * world->choices.nodes;
    run_for(world, IDLE_SECONDS * SECOND);
    if (world->steps - before > most) {
        world_violation(world, "L11", "%llu steps in %d idle seconds, at most %llu are allowed",
                        (unsigned long long)(world->steps - before), IDLE_SECONDS, (unsigned long long)most);
    }
    const char *unmet = finish_unmet(world);
    bool mute = bounds_some_mute(world);
    if (unmet != NULL && (mute || strncmp(unmet, "L4", 2) == 0)) {
        /* A connection that stayed mute after the heal is renewed, or will be, and what came late over it counts. */
        run_for(world, (mute ? 2 * world->choices.settings.silence_ns_max : 0) + LATE_SECONDS * SECOND);
        unmet = finish_unmet(world);
    }
    if (unmet != NULL) {
        world_violation(world, (char[]){ unmet[0], unmet[1], 0 }, "%s, though all was quiet before", unmet + 4);
    }
}

static void run_until_quiet(struct world *world)
{
    const struct event *event;
    uint64_t events = 0;
    while ((event = kernel_pop(&world->kernel)) != NULL) {
        world_handle(world, event);
        bounds_judge_books(world);
        bool heeded = is_heeded(event);
        events += heeded;
        if (!heeded || events % UNMET_EVERY != 0) {
            continue;
        }
        const char *unmet = finish_unmet(world);
        bounds_judge_ended(world, unmet);
        if (unmet == NULL) {
            run_idle(world);
            world->quiet = true;
            finish_judge(world);
            return;
        }
        if (world->now > world->healed_ns + QUIET_SECONDS_MAX * SECOND && world->now > world->ended_by_ns) {
            world_violation(world, (char[]){ unmet[0], unmet[1], 0 }, "%s, %llu s after the heal", unmet + 4,
                            (unsigned long long)((world->now - world->healed_ns) / SECOND));
        }
    }
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
        bounds_judge_panic(world, &panic);
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
    world->draws = draw_root(world->options.seed);
    world->follows = options->record != NULL || options->schedule != NULL;
    world->steps_target = world->options.steps != 0 ? world->options.steps : SIM_STEPS_DEFAULT;
    world->report = ret_report;
    bool made = world_make(world);
    if (made) {
        run_guarded(world);
        history_end(world);
        report_fill(world);
        follow_healed(world);
        if (options->record != NULL) {
            schedule_sort(options->record);
        }
    }
    made = made && !world->memory_short;
    world_free(world);
    return made && part_judge(options, ret_report);
}
