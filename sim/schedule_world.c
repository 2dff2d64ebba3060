/* The numbers of a world as a table: name, place in struct choices, usual value. The usual world is small and calm;
 * what a seed drew otherwise is a `set`, and one that the shrinker drops goes back to the usual. Bounds keep a schedule
 * from elsewhere, or one with halved numbers, within what the tables of a world can hold. */
#include <stddef.h>
#include <string.h>

#include "sim/choices.h"
#include "sim/schedule.h"
#include "sim/world.h"

struct world_number {
    const char *name;
    uint32_t offset, size;
    uint64_t usual, low, high;
};

#define NUMBER(member, usual, low, high)                                                                               \
    {                                                                                                                  \
#member, offsetof(struct choices, member), sizeof(((struct choices *)NULL)->member), usual, low, high          \
    }
#define DAY (86400 * SECOND)

static const struct world_number numbers[] = {
    NUMBER(nodes, 1, 1, NODES_MAX),
    NUMBER(functions, 1, 1, FUNCTIONS_DRAWN_MAX),
    NUMBER(limits.functions_max, 1, 1, 64),
    NUMBER(limits.slots, 4, 1, 1024),
    NUMBER(limits.deliveries_max, 8, 1, BLOBS_MAX / 4),
    NUMBER(limits.calls_max, 16, 1, 1024),
    NUMBER(limits.workers_max, 4, 1, WORKERS_MAX),
    NUMBER(settings.ack_wait_ns, 10 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.hold_ns_max, 5 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.publish_timeout_ns, 2 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.reply_poll_ns, 4 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.pull_expires_ns, 10 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.start_timeout_ns, 5 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.stop_grace_ns, SECOND, MILLISECOND, DAY),
    NUMBER(settings.call_budget_ns_max, 60 * SECOND, SECOND, DAY),
    NUMBER(settings.silence_ns_max, 10 * SECOND, 2 * SECOND, DAY),
    NUMBER(settings.retry_ns_base, 100 * MILLISECOND, 1, DAY),
    NUMBER(settings.retry_ns_max, SECOND, 1, DAY),
    NUMBER(settings.starts_max, 10, 1, 1000),
    NUMBER(settings.jitter, JITTER_NONE, JITTER_NONE, JITTER_DECORRELATED),
    NUMBER(settings.lease_ns, 10 * SECOND, SECOND, DAY),
    NUMBER(settings.sweep_ns, 10 * SECOND, SECOND, DAY),
    NUMBER(settings.quarantine_crashes, 0, 0, 1000),
    NUMBER(settings.quarantine_window_ns, 10 * SECOND, MILLISECOND, DAY),
    NUMBER(settings.quarantine_ns_base, SECOND, MILLISECOND, DAY),
    NUMBER(settings.quarantine_ns_max, 10 * SECOND, MILLISECOND, DAY),
    NUMBER(jet.dedup_ns, 120 * SECOND, MILLISECOND, DAY),
    NUMBER(jet.retention_ns, 0, 0, 10 * DAY),
    NUMBER(jet.messages_max, 100000, 1, 10000000),
    NUMBER(jet.bytes_max, 0, 0, UINT64_C(1) << 40),
    NUMBER(jet.age_max_ns, 0, 0, DAY),
    NUMBER(jet.ack_pending_max, 1000, 1, 1000000),
    NUMBER(jet.replicas, 1, 1, 3),
    NUMBER(jet.sync_ns, 0, 0, DAY),
    NUMBER(jet.profile, JET_2_9, JET_2_9, JET_2_10),
    NUMBER(latency_ns, MILLISECOND, 1, SECOND),
    NUMBER(run_ns_mean, 10 * MILLISECOND, 1, 100 * SECOND),
    NUMBER(exit_ns_max, 20 * MILLISECOND, 1, 100 * SECOND),
    NUMBER(timer_late_ns, 0, 0, SECOND),
    NUMBER(clock_every_ns, 10 * SECOND, SECOND, DAY),
    NUMBER(calm, 0, 0, 1),
    NUMBER(fault[FAULT_ALIAS], 0, 0, 1000000),
    NUMBER(fault[FAULT_ELSEWHERE], 0, 0, 1000000),
    NUMBER(fault[FAULT_UNSERVED], 0, 0, 1000000),
    NUMBER(fault[FAULT_UNDEPLOYED], 0, 0, 1000000),
    NUMBER(fault[FAULT_HEAL_PART], 0, 0, 1000000),
    NUMBER(fault[FAULT_ADAPTIVE], 0, 0, 1000000),
    NUMBER(fault[FAULT_BOUNDED], 0, 0, 1000000),
};

enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

uint32_t world_numbers(void)
{
    return NUMBERS;
}

const char *world_number_name(uint32_t number)
{
    return number < NUMBERS ? numbers[number].name : NULL;
}

uint64_t world_number_low(uint32_t number)
{
    return number < NUMBERS ? numbers[number].low : 0;
}

static uint64_t number_get(const struct choices *choices, const struct world_number *number)
{
    const char *place = (const char *)choices + number->offset;
    uint8_t byte;
    uint32_t half;
    uint64_t word;
    switch (number->size) {
    case sizeof(byte):
        memcpy(&byte, place, sizeof(byte));
        return byte;
    case sizeof(half):
        memcpy(&half, place, sizeof(half));
        return half;
    default:
        memcpy(&word, place, sizeof(word));
        return word;
    }
}

static void number_set(struct choices *choices, const struct world_number *number, uint64_t value)
{
    char *place = (char *)choices + number->offset;
    value = value < number->low ? number->low : value > number->high ? number->high : value;
    uint8_t byte = (uint8_t)value;
    uint32_t half = (uint32_t)value;
    switch (number->size) {
    case sizeof(byte):
        memcpy(place, &byte, sizeof(byte));
        return;
    case sizeof(half):
        memcpy(place, &half, sizeof(half));
        return;
    default:
        memcpy(place, &value, sizeof(value));
    }
}

bool schedule_add_choices(struct schedule *schedule, const struct choices *choices)
{
    for (uint32_t at = 0; at < NUMBERS; at++) {
        struct entry entry = { .kind = ENTRY_SET, .what = (uint8_t)at };
        entry.number[SET_VALUE] = number_get(choices, &numbers[at]);
        if (entry.number[SET_VALUE] != numbers[at].usual && !schedule_add(schedule, &entry)) {
            return false;
        }
    }
    return true;
}

static void settle(struct choices *choices)
{
    struct limits *limits = &choices->limits;
    struct settings *settings = &choices->settings;
    if (limits->functions_max < choices->functions) {
        limits->functions_max = choices->functions;
    }
    if (limits->deliveries_max < limits->slots + limits->functions_max) {
        limits->deliveries_max = limits->slots + limits->functions_max;
    }
    if (settings->retry_ns_max < settings->retry_ns_base) {
        settings->retry_ns_max = settings->retry_ns_base;
    }
    if (choices->jet.retention_ns < settings->call_budget_ns_max * 2 + 120 * SECOND) {
        choices->jet.retention_ns = settings->call_budget_ns_max * 8 + 120 * SECOND;
    }
}

void schedule_choices(const struct schedule *schedule, struct choices *ret_choices)
{
    memset(ret_choices, 0, sizeof(*ret_choices));
    for (uint32_t at = 0; at < NUMBERS; at++) {
        number_set(ret_choices, &numbers[at], numbers[at].usual);
    }
    for (uint32_t at = 0; at < schedule->count; at++) {
        const struct entry *entry = &schedule->entries[at];
        if (entry->kind == ENTRY_SET && entry->what < NUMBERS) {
            number_set(ret_choices, &numbers[entry->what], entry->number[SET_VALUE]);
        }
    }
    settle(ret_choices);
    ret_choices->arrival_ns_mean = MILLISECOND; /* the calls have their times */
    ret_choices->heartbeat_ns = SECOND;
    choices_size(ret_choices, schedule->seed, schedule->steps);
}
