/* Every number is drawn from its own address (seed, PURPOSE_CHOICE, place), spread evenly over a logarithmic scale
 * where sizes matter more than differences: as many worlds have a latency of 50 us as have one of 5 ms. */
#include "sim/choices.h"

#include <string.h>

#include "core/draw.h"

enum { PURPOSE_CHOICE = DRAW_USER, PURPOSE_SWARM, PURPOSE_RATE, PURPOSE_SWEEPER };

struct drawer {
    uint64_t seed, place;
};

static uint64_t pick(struct drawer *drawer, uint64_t low, uint64_t high)
{
    return low + draw_below(draw(drawer->seed, 0, PURPOSE_CHOICE, drawer->place++), high - low + 1);
}

/* From low to high, each doubling as likely as the next. */
static uint64_t pick_scale(struct drawer *drawer, uint64_t low, uint64_t high)
{
    uint32_t doublings = 0;
    while (low << (doublings + 1) <= high) {
        doublings++;
    }
    uint64_t base = low << pick(drawer, 0, doublings);
    uint64_t value = pick(drawer, base, base * 2 - 1);
    return value < high ? value : high;
}

/* How hard a fault strikes where it exists: low and high of its rate. By the clock: mean time between two. */
struct habit {
    bool timed;
    uint64_t low, high;
};

static const struct habit usual_timed = { true, SECOND, 60 * SECOND };
static const struct habit usual = { false, 1000, 100000 };

#define RARELY                                                                                                         \
    {                                                                                                                  \
        true, 5 * SECOND, 120 * SECOND                                                                                 \
    }
#define SELDOM                                                                                                         \
    {                                                                                                                  \
        true, 10 * SECOND, 240 * SECOND                                                                                \
    }

/* Those that are not here are as usual; a rate of 0 here is the usual one, by the clock. */
static const struct habit habits[FAULT_COUNT] = {
    [FAULT_LINK_CUT] = { .timed = true },
    [FAULT_LINK_MUTE] = { .timed = true },
    [FAULT_NODE_CRASH] = { .timed = true },
    [FAULT_NODE_PAUSE] = { .timed = true },
    [FAULT_NODE_DRAIN] = { .timed = true },
    [FAULT_BROKER_KILL] = RARELY,
    [FAULT_BROKER_END] = RARELY,
    [FAULT_CONSUMER_DELETE] = RARELY,
    [FAULT_WALL_JUMP] = { .timed = true },
    [FAULT_BROKER_JUMP] = { .timed = true },
    [FAULT_REDEPLOY] = { .timed = true },
    [FAULT_FUNCTION_REMOVE] = RARELY,
    [FAULT_SLOW_NETWORK] = { .timed = true },
    [FAULT_ANSWER_LOST] = { false, 1000, 400000 },
    [FAULT_REPLY_LOST] = { false, 1000, 30000 },
    [FAULT_DUPLICATE] = { false, 1000, 400000 },
    [FAULT_ERROR_RETRY] = { false, 20000, 500000 },
    [FAULT_WORKER_HANG] = { false, 1000, 30000 },
    [FAULT_WORKER_DIE] = { .timed = true },
    [FAULT_CLIENT_RESUBMIT] = { false, 20000, 500000 },
    [FAULT_RAW_PUBLISH] = { false, 20000, 500000 },
    [FAULT_BURST] = { .timed = true },
    [FAULT_SHARE] = { .timed = true },
    [FAULT_CLOSE] = RARELY,
    [FAULT_SETTING] = { .timed = true },
    [FAULT_CLIENT_SUBMIT] = { false, 20000, 500000 },
    [FAULT_CLIENT_AWAIT] = { false, 10000, 300000 },
    [FAULT_CLIENT_LOOK] = { false, 10000, 300000 },
    [FAULT_CLIENT_END] = { false, 10000, 300000 },
    [FAULT_CANCEL_UNHEARD] = { false, 10000, 300000 },
    [FAULT_FIND_FAIL] = { false, 10000, 300000 },
    [FAULT_LINK_DEAF] = { .timed = true },
    [FAULT_LINK_UNHEARD] = { .timed = true },
    [FAULT_PARTITION] = RARELY,
    [FAULT_ANSWER_AGAIN] = { false, 1000, 400000 },
    [FAULT_CLOCK_RATE] = { .timed = true },
    [FAULT_WALL_SKEW] = { false, 100000, 1000000 },
    [FAULT_WALL_RATE] = { .timed = true },
    [FAULT_LEAP] = { .timed = true },
    [FAULT_STORAGE_FULL] = SELDOM,
    [FAULT_QUEUE_FULL] = RARELY,
    [FAULT_RESULTS_FULL] = RARELY,
    [FAULT_DEAD_FULL] = RARELY,
    [FAULT_RACK] = SELDOM,
    [FAULT_ROLLING] = SELDOM,
    [FAULT_SWIZZLE] = SELDOM,
    [FAULT_ROLLOUT] = SELDOM,
    [FAULT_PAUSE] = { .timed = true },
    [FAULT_LEADER_CHANGE] = { .timed = true },
    [FAULT_HINT_LOST] = { false, 10000, 900000 },
    [FAULT_HINT_LATE] = { false, 10000, 900000 },
    [FAULT_OBJECT_FAIL] = { false, 10000, 300000 },
    [FAULT_HEAL_PART] = { false, 1, 1000000 },
    [FAULT_QUORUM_LOST] = SELDOM,
    [FAULT_POWER_LOSS] = SELDOM,
    [FAULT_PULLS_FORGOTTEN] = { false, 1000, 30000 },
    [FAULT_GARBLE] = SELDOM,
    [FAULT_PROVISION_FAIL] = { false, 10000, 300000 },
    [FAULT_INBOX_DEAF] = { false, 50000, 600000 },
    [FAULT_HINTS_DEAF] = { false, 50000, 600000 },
    [FAULT_OVERLOAD] = { false, 100000, 1000000 },
    [FAULT_ADAPTIVE] = { false, 200000, 1000000 },
    [FAULT_BOUNDED] = { false, 200000, 1000000 },
    [FAULT_POISON] = { false, 500, 20000 },
    [FAULT_BUILD_ROOM] = { false, 10000, 300000 },
    [FAULT_NAKS_FORGED] = RARELY,
    [FAULT_ACK_FORGED] = RARELY,
    [FAULT_BROKER_STEP] = { true, 60 * SECOND, 1200 * SECOND },
    [FAULT_AGE_CUT] = { true, 60 * SECOND, 1200 * SECOND }, /* each takes much, and excuses it */
};

static struct habit habit_of(enum sim_fault fault)
{
    const struct habit *habit = &habits[fault];
    return habit->low != 0 ? *habit : habit->timed ? usual_timed : usual;
}

bool choices_timed(enum sim_fault fault)
{
    return habit_of(fault).timed;
}

static void choose_limits(struct drawer *drawer, struct choices *choices)
{
    struct limits *limits = &choices->limits;
    choices->nodes = (uint32_t)pick(drawer, 1, 3);
    choices->functions = (uint32_t)pick(drawer, 1, 6);
    limits->functions_max = choices->functions + (uint32_t)pick(drawer, 0, 2);
    limits->slots = (uint32_t)pick_scale(drawer, 1, 48);
    limits->deliveries_max = limits->slots + limits->functions_max + (uint32_t)pick(drawer, 0, 16);
    limits->calls_max = (uint32_t)pick_scale(drawer, 4, 512);
    limits->workers_max = (uint32_t)pick(drawer, 1, 12);
}

static void choose_settings(struct drawer *drawer, struct choices *choices)
{
    struct settings *settings = &choices->settings;
    settings->ack_wait_ns = pick_scale(drawer, 2 * SECOND, 30 * SECOND);
    settings->hold_ns_max = pick_scale(drawer, 500 * MILLISECOND, 30 * SECOND);
    settings->publish_timeout_ns = pick_scale(drawer, 500 * MILLISECOND, 5 * SECOND);
    settings->reply_poll_ns = pick_scale(drawer, SECOND, 8 * SECOND);
    settings->pull_expires_ns = pick_scale(drawer, 2 * SECOND, 30 * SECOND);
    settings->start_timeout_ns = pick_scale(drawer, SECOND, 10 * SECOND);
    settings->stop_grace_ns = pick_scale(drawer, 100 * MILLISECOND, 5 * SECOND);
    settings->call_budget_ns_max = pick_scale(drawer, 20 * SECOND, 300 * SECOND);
    settings->silence_ns_max = pick_scale(drawer, 3 * SECOND, 20 * SECOND);
    settings->retry_ns_base = pick_scale(drawer, 20 * MILLISECOND, 2 * SECOND);
    settings->retry_ns_max = settings->retry_ns_base * pick(drawer, 1, 40);
    settings->starts_max = (uint32_t)pick(drawer, 3, 20);
    settings->jitter = (uint8_t)pick(drawer, JITTER_NONE, JITTER_DECORRELATED);
    struct drawer sweeper = { draw(drawer->seed, 0, PURPOSE_SWEEPER, 0), 0 };
    settings->lease_ns = pick_scale(&sweeper, 3 * SECOND, 20 * SECOND);
    settings->sweep_ns = pick_scale(&sweeper, 2 * SECOND, 20 * SECOND);
}

void choices_size(struct choices *choices, uint64_t seed, uint64_t steps)
{
    struct jet_settings *jet = &choices->jet;
    jet->ack_wait_ns = choices->settings.ack_wait_ns;
    jet->requests_max = (uint32_t)(steps / 2 + REQUESTS_SPARE);
    jet->history_max = jet->requests_max * 2;
    jet->functions = choices->functions;
    jet->seed = draw(seed, 1, PURPOSE_CHOICE, 0);
}

static void choose_broker(struct drawer *drawer, struct choices *choices)
{
    struct jet_settings *jet = &choices->jet;
    jet->dedup_ns = pick_scale(drawer, 2 * SECOND, 120 * SECOND);
    jet->retention_ns = choices->settings.call_budget_ns_max * pick(drawer, 2, 8) + 120 * SECOND;
    jet->messages_max = pick(drawer, 0, 3) == 0 ? (uint32_t)pick_scale(drawer, 16, 256) : 100000;
    jet->bytes_max = pick(drawer, 0, 7) == 0 ? pick_scale(drawer, 1 << 16, 1 << 20) : 0;
    jet->ack_pending_max = pick(drawer, 0, 3) == 0 ? (uint32_t)pick_scale(drawer, 2, 32) : 1000;
    jet->replicas = pick(drawer, 0, 2) == 0 ? 3 : 1;
    jet->sync_ns = pick(drawer, 0, 3) == 0 ? 0 : pick_scale(drawer, 100 * MILLISECOND, 120 * SECOND);
    jet->profile = (uint8_t)pick(drawer, JET_2_9, JET_2_10);
}

/* In every third world the stream has an age limit: as the configuration wants it, longer than whatever ends a request
 * (adapters/config/config_check.c); by default that is a fifth more. */
void choices_age(struct choices *choices, uint64_t seed)
{
    struct drawer drawer = { draw(seed, 1, PURPOSE_SWEEPER, 0), 0 };
    uint64_t tenths = pick(&drawer, 12, 40);
    choices->jet.age_max_ns = pick(&drawer, 0, 2) == 0 ? choices->settings.call_budget_ns_max / 10 * tenths : 0;
}

static void choose_faults(struct drawer *drawer, struct choices *choices)
{
    uint64_t share = pick(drawer, 0, 6); /* of eight: how crowded with faults this world is */
    choices->calm = share == 0;
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        struct habit habit = habit_of((enum sim_fault)fault);
        struct drawer rates = { draw(drawer->seed, fault, PURPOSE_RATE, 0), 0 };
        uint64_t rate = pick_scale(&rates, habit.low, habit.high);
        bool exists = draw_below(draw(drawer->seed, fault, PURPOSE_SWARM, 0), 8) < share;
        choices->fault[fault] = exists ? rate : 0;
    }
}

/* In every other world functions are put into quarantine, in some at the second crash. */
static void choose_quarantine(struct drawer *drawer, struct settings *settings)
{
    uint64_t crashes = pick_scale(drawer, 2, 16);
    settings->quarantine_crashes = pick(drawer, 0, 1) == 0 ? 0 : crashes;
    settings->quarantine_window_ns = pick_scale(drawer, SECOND, 60 * SECOND);
    settings->quarantine_ns_base = pick_scale(drawer, 100 * MILLISECOND, 10 * SECOND);
    settings->quarantine_ns_max = settings->quarantine_ns_base * pick(drawer, 1, 8);
}

void choices_draw(uint64_t seed, uint64_t steps, struct choices *ret_choices)
{
    struct drawer drawer = { seed, 0 };
    memset(ret_choices, 0, sizeof(*ret_choices));
    choose_limits(&drawer, ret_choices);
    choose_settings(&drawer, ret_choices);
    choose_broker(&drawer, ret_choices);
    choices_age(ret_choices, seed);
    choices_size(ret_choices, seed, steps);
    choose_faults(&drawer, ret_choices);
    ret_choices->latency_ns = pick_scale(&drawer, 20 * MICROSECOND, 8 * MILLISECOND);
    ret_choices->run_ns_mean = pick_scale(&drawer, 100 * MICROSECOND, 400 * MILLISECOND);
    /* From far too many calls for one worker to hardly any. */
    ret_choices->arrival_ns_mean = 200 * MICROSECOND + ret_choices->run_ns_mean * pick_scale(&drawer, 1, 32) / 16;
    ret_choices->timer_late_ns = pick(&drawer, 0, 1) == 0 ? 0 : pick_scale(&drawer, 10 * MICROSECOND, 5 * MILLISECOND);
    ret_choices->clock_every_ns = pick_scale(&drawer, 2 * SECOND, 20 * SECOND);
    ret_choices->heartbeat_ns = SECOND;
    ret_choices->exit_ns_max = 20 * MILLISECOND;
    choose_quarantine(&drawer, &ret_choices->settings);
}
