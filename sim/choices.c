/* Every number is drawn from its own address (seed, PURPOSE_CHOICE, place), spread evenly over a logarithmic scale
 * where sizes matter more than differences: as many worlds have a latency of 50 us as have one of 5 ms. */
#include "sim/choices.h"

#include <string.h>

#include "core/draw.h"

enum { PURPOSE_CHOICE = DRAW_USER, PURPOSE_SWARM, PURPOSE_RATE };

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

bool choices_timed(enum sim_fault fault)
{
    return fault <= FAULT_SLOW_NETWORK || fault == FAULT_WORKER_DIE || fault == FAULT_BURST || fault == FAULT_SHARE ||
           fault == FAULT_CLOSE || fault == FAULT_SETTING;
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
    jet->ack_pending_max = pick(drawer, 0, 3) == 0 ? (uint32_t)pick_scale(drawer, 2, 32) : 1000;
    jet->profile = (uint8_t)pick(drawer, JET_2_9, JET_2_10);
}

/* How hard a fault strikes where it exists: low and high of its rate. */
static void fault_range(enum sim_fault fault, uint64_t *ret_low, uint64_t *ret_high)
{
    *ret_low = 1000;
    *ret_high = 100000;
    if (fault == FAULT_BROKER_KILL || fault == FAULT_CONSUMER_DELETE || fault == FAULT_FUNCTION_REMOVE ||
        fault == FAULT_CLOSE) {
        *ret_low = 5 * SECOND;
        *ret_high = 120 * SECOND;
    } else if (choices_timed(fault)) {
        *ret_low = SECOND;
        *ret_high = 60 * SECOND;
    } else if (fault == FAULT_DUPLICATE || fault == FAULT_ANSWER_LOST) {
        *ret_high = 400000;
    } else if (fault == FAULT_REPLY_LOST || fault == FAULT_WORKER_HANG) {
        *ret_high = 30000;
    } else if (fault == FAULT_CLIENT_AWAIT || fault == FAULT_CLIENT_LOOK || fault == FAULT_CLIENT_END ||
               fault == FAULT_CANCEL_UNHEARD || fault == FAULT_FIND_FAIL) {
        *ret_low = 10000;
        *ret_high = 300000;
    } else if (fault == FAULT_CLIENT_SUBMIT || fault == FAULT_RAW_PUBLISH || fault == FAULT_CLIENT_RESUBMIT ||
               fault == FAULT_ERROR_RETRY) {
        *ret_low = 20000;
        *ret_high = 500000;
    }
}

static void choose_faults(struct drawer *drawer, struct choices *choices)
{
    uint64_t share = pick(drawer, 0, 6); /* of eight: how crowded with faults this world is */
    choices->calm = share == 0;
    for (uint32_t fault = 0; fault < FAULT_COUNT; fault++) {
        uint64_t low, high;
        fault_range(fault, &low, &high);
        struct drawer rates = { draw(drawer->seed, fault, PURPOSE_RATE, 0), 0 };
        uint64_t rate = pick_scale(&rates, low, high);
        bool exists = draw_below(draw(drawer->seed, fault, PURPOSE_SWARM, 0), 8) < share;
        choices->fault[fault] = exists ? rate : 0;
    }
}

void choices_draw(uint64_t seed, uint64_t steps, struct choices *ret_choices)
{
    struct drawer drawer = { seed, 0 };
    memset(ret_choices, 0, sizeof(*ret_choices));
    choose_limits(&drawer, ret_choices);
    choose_settings(&drawer, ret_choices);
    choose_broker(&drawer, ret_choices);
    choices_size(ret_choices, seed, steps);
    choose_faults(&drawer, ret_choices);
    ret_choices->latency_ns = pick_scale(&drawer, 20 * MICROSECOND, 8 * MILLISECOND);
    ret_choices->run_ns_mean = pick_scale(&drawer, 100 * MICROSECOND, 400 * MILLISECOND);
    /* From far too many calls for one worker to hardly any. */
    ret_choices->arrival_ns_mean = 200 * MICROSECOND + ret_choices->run_ns_mean * pick_scale(&drawer, 1, 32) / 16;
    ret_choices->timer_late_ns = pick(&drawer, 0, 1) == 0 ? 0 : pick_scale(&drawer, 10 * MICROSECOND, 5 * MILLISECOND);
    ret_choices->clock_every_ns = pick_scale(&drawer, 2 * SECOND, 20 * SECOND);
    ret_choices->heartbeat_ns = SECOND;
}
