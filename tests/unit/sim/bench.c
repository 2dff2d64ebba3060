/* The bench keeps the timers that the broker asks for and lets them go off in order as the clock is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "tests/unit/sim/bench.h"

static void on_deliver(void *owner, const struct pull *pull, const struct message *message)
{
    struct bench *bench = owner;
    assert_true(bench->deliveries < 64);
    bench->delivered[bench->deliveries] = message->sequence;
    bench->delivered_to[bench->deliveries] = pull->operation;
    bench->count[bench->deliveries++] = message->delivered;
}

static void on_ended(void *owner, const struct pull *pull, uint16_t code)
{
    struct bench *bench = owner;
    bench->ends++;
    bench->end_code = code;
    bench->end_unfilled = pull->remaining;
}

static void on_arm(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    struct bench *bench = owner;
    for (uint32_t at = 0; at < TIMERS_MAX; at++) {
        if (!bench->timers[at].used) {
            bench->timers[at] = (struct timer){ at_ns, timer, number, stamp, true };
            return;
        }
    }
    fail_msg("too many timers");
}

struct bench *bench_new(uint32_t ack_pending_max, uint32_t messages_max, enum jet_profile profile)
{
    static struct bench bench;
    memset(&bench, 0, sizeof(bench));
    struct jet_settings settings = { .ack_wait_ns = 1000 * MS, .dedup_ns = 2000 * MS, .retention_ns = 60000 * MS };
    settings.messages_max = messages_max;
    settings.ack_pending_max = ack_pending_max;
    settings.requests_max = settings.history_max = 64;
    settings.functions = 2;
    settings.profile = (uint8_t)profile;
    settings.seed = 42;
    struct jet_hooks hooks = { .owner = &bench, .deliver = on_deliver, .ended = on_ended, .arm = on_arm };
    bench.now = 1000 * MS;
    assert_true(jet_init(&bench.jet, &settings, &hooks));
    jet_ensure_consumer(&bench.jet, bench.now, 0);
    return &bench;
}

static struct timer *timer_next(struct bench *bench, uint64_t until)
{
    struct timer *next = NULL;
    for (uint32_t at = 0; at < TIMERS_MAX; at++) {
        struct timer *timer = &bench->timers[at];
        if (timer->used && timer->at <= until && (next == NULL || timer->at < next->at)) {
            next = timer;
        }
    }
    return next;
}

void advance(struct bench *bench, uint64_t ms)
{
    uint64_t until = bench->now + ms * MS;
    for (struct timer *timer; (timer = timer_next(bench, until)) != NULL;) {
        struct timer due = *timer;
        timer->used = false;
        bench->now = due.at > bench->now ? due.at : bench->now;
        jet_due(&bench->jet, bench->now, due.timer, due.number, due.stamp);
    }
    bench->now = until;
}

struct jet_ack publish(struct bench *bench, uint32_t request)
{
    struct content content = { .request = request, .has_id = true };
    return jet_publish(&bench->jet, bench->now, (int64_t)bench->now, &content);
}

void pull(struct bench *bench, uint64_t name, uint32_t batch, uint64_t expires_ms)
{
    struct pull pull = { .operation = name, .connection = CONNECTION, .remaining = batch };
    pull.expires_at_ns = bench->now + expires_ms * MS;
    jet_pull(&bench->jet, bench->now, &pull);
}

void ack(struct bench *bench, uint64_t sequence)
{
    jet_acknowledge(&bench->jet, bench->now, sequence);
}

void hand_back(struct bench *bench, uint64_t sequence, uint64_t delay_ms)
{
    jet_hand_back(&bench->jet, bench->now, sequence, delay_ms * MS);
}
