/* The hash of a run: every field that has a meaning of every input and effect, in order. Padding and unused members of
 * the union stay out, so that builds agree. Wall clocks are stamps: they are in `hash` and not in `effects_hash`. */
#include "sim/world.h"

static void effects_hash(struct world *world, uint64_t value)
{
    uint64_t hash = (world->effects_hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    world->effects_hash = hash ^ hash >> 29;
}

static void hash_key(struct world *world, struct key key)
{
    world_hash(world, key.hi);
    world_hash(world, key.lo);
}

static void hash_causes(struct world *world, uint8_t cause, const uint8_t counts[CAUSE_KEPT])
{
    uint64_t sum = cause;
    for (uint32_t at = 0; at < CAUSE_KEPT; at++) {
        sum = sum * 257 + counts[at];
    }
    world_hash(world, sum);
}

static void hash_policy(struct world *world, const struct input *input)
{
    hash_key(world, input->as.policy.name);
    world_hash(world, input->as.policy.retry_ns_base);
    world_hash(world, input->as.policy.retry_ns_max);
    hash_causes(world, input->as.policy.jitter, input->as.policy.retries);
    world_hash(world, input->as.policy.concurrency_min);
    world_hash(world, input->as.policy.age_ns_max);
    world_hash(world, input->as.policy.size_max);
}

static void hash_delivery(struct world *world, const struct input *input)
{
    hash_key(world, input->as.delivery.request);
    world_hash(world, input->as.delivery.digest);
    world_hash(world, input->as.delivery.sequence);
    world_hash(world, (uint64_t)input->as.delivery.stored_ns);
    world_hash(world, input->as.delivery.budget_ns);
    world_hash(world, (uint64_t)input->as.delivery.delivered << 32 | (uint64_t)input->as.delivery.pending << 1 |
                          input->as.delivery.has_reply_to);
}

static void hash_function(struct world *world, const struct input *input)
{
    hash_key(world, input->as.function.name);
    hash_key(world, input->as.function.version);
    world_hash(world, input->as.function.timeout_ns);
    world_hash(world, input->as.function.keep_alive_ns);
    world_hash(world, (uint64_t)input->as.function.retries_max << 32 | (uint64_t)input->as.function.concurrency << 16 |
                          input->as.function.workers_max);
}

static void hash_worker(struct world *world, const struct input *input)
{
    world_hash(world, input->as.worker.after_ns);
    world_hash(world, (uint64_t)input->as.worker.stream << 32 | (uint64_t)input->as.worker.concurrency << 16 |
                          input->as.worker.class);
}

static void hash_clock(struct world *world, const struct input *input)
{
    world_hash(world, (uint64_t)input->as.clock.offset_ns_min);
    world_hash(world, (uint64_t)input->as.clock.offset_ns_max);
}

static void hash_walked(struct world *world, const struct input *input)
{
    hash_key(world, input->as.walked.request);
    hash_key(world, input->as.walked.function);
    world_hash(world, input->as.walked.sequence);
    world_hash(world, input->as.walked.last);
}

static void hash_sweep(struct world *world, const struct input *input)
{
    if (input->kind == INPUT_LEASE || input->kind == INPUT_CHANGE) {
        bool lease = input->kind == INPUT_LEASE;
        world_hash(world, lease ? input->as.lease.revision : input->as.change.looked_for);
        return;
    }
    if (input->kind == INPUT_WALKED) {
        hash_walked(world, input);
        return;
    }
    if (input->kind == INPUT_STREAM) {
        world_hash(world, input->as.stream.sequence);
        world_hash(world, input->as.stream.messages);
        return;
    }
    if (input->kind == INPUT_DRAIN) {
        world_hash(world, input->as.drain.grace_ns);
        return;
    }
    hash_key(world, input->as.queue.function);
    world_hash(world, (uint64_t)input->as.queue.messages << 32 | input->as.queue.takers);
    world_hash(world, input->as.queue.oldest_ns);
    world_hash(world, input->as.queue.size_mean);
}

static void hash_consumer(struct world *world, const struct input *input)
{
    world_hash(world, input->as.consumer.fresh_after);
    world_hash(world, input->as.consumer.first);
    world_hash(world, (uint64_t)input->as.consumer.messages_min << 32 | input->as.consumer.waiting);
    world_hash(world, input->as.consumer.ack_pending);
}

static void hash_ledger(struct world *world, const struct input *input)
{
    world_hash(world, input->as.ledger.revision);
    world_hash(world, input->as.ledger.nonce);
    world_hash(world, (uint64_t)input->as.ledger.attempts << 32 | input->as.ledger.starts);
    world_hash(world, (uint64_t)input->as.ledger.end << 8 | input->as.ledger.reason);
    hash_causes(world, input->as.ledger.last, input->as.ledger.causes.count);
}

static void hash_call(struct world *world, const struct input *input)
{
    hash_key(world, input->as.call.request);
    world_hash(world, input->as.call.digest);
    world_hash(world, input->as.call.budget_ns);
    world_hash(world, (uint64_t)input->as.call.kind << 8 | input->as.call.alias);
}

static void hash_fields(struct world *world, const struct input *input)
{
    switch ((enum input_kind)input->kind) {
    case INPUT_CLOCK:
        hash_clock(world, input);
        return;
    case INPUT_CALL:
        hash_call(world, input);
        return;
    case INPUT_FOUND:
        world_hash(world, input->as.found.sequence << 4 | input->as.found.end);
        return;
    case INPUT_CANCEL_HEARD:
        hash_key(world, input->as.cancel.request);
        return;
    case INPUT_SETTING:
        world_hash(world, input->as.setting.value);
        world_hash(world, input->as.setting.which);
        return;
    case INPUT_DELIVERY:
        hash_delivery(world, input);
        return;
    case INPUT_PULL_ENDED:
        world_hash(world, input->as.pull.unfilled);
        return;
    case INPUT_PUBLISHED:
        world_hash(world, input->as.published.sequence << 1 | input->as.published.duplicate);
        return;
    case INPUT_RESULT:
    case INPUT_ANSWER:
        hash_key(world, input->as.result.request);
        world_hash(world, input->as.result.digest);
        world_hash(world, (uint64_t)input->as.result.attempts << 16 | (uint64_t)input->as.result.end << 8 |
                              input->as.result.reason);
        hash_causes(world, input->as.result.cause, input->as.result.causes.count);
        return;
    case INPUT_LEDGER:
        hash_ledger(world, input);
        return;
    case INPUT_FUNCTION_SET:
        hash_function(world, input);
        return;
    case INPUT_QUEUE:
    case INPUT_STRAY:
    case INPUT_LEASE:
    case INPUT_CHANGE:
    case INPUT_WALKED:
    case INPUT_STREAM:
    case INPUT_DRAIN:
        hash_sweep(world, input);
        return;
    case INPUT_FUNCTION_POLICY:
        hash_policy(world, input);
        return;
    case INPUT_FUNCTION_REMOVED:
    case INPUT_RELEASE:
        hash_key(world, input->as.function.name);
        return;
    case INPUT_CONSUMER_READY:
        hash_consumer(world, input);
        return;
    case INPUT_WORKER_READY:
    case INPUT_WORKER_RESULT:
    case INPUT_WORKER_ERROR:
        hash_worker(world, input);
        return;
    default:
        return;
    }
}

void digest_input(struct world *world, uint32_t index, const struct input *input)
{
    world->report->inputs[input->kind]++;
    world_hash(world,
               (uint64_t)index << 56 | (uint64_t)input->kind << 48 | (uint64_t)input->outcome << 40 | input->code);
    world_hash(world, input->now_ns);
    world_hash(world, (uint64_t)input->wall_ns);
    world_hash(world, input->answers);
    world_hash(world, (uint64_t)input->blob.slot << 32 | input->blob.length);
    world_hash(world, (uint64_t)input->about.bits << 32 | input->epoch);
    hash_fields(world, input);
}

void digest_effect(struct world *world, uint32_t index, const struct effect *effect)
{
    uint64_t words[] = {
        (uint64_t)index << 56 | (uint64_t)effect->kind << 48 | (uint64_t)effect->end << 40 |
            (uint64_t)effect->create_only << 32 | (uint64_t)effect->stream << 16 | effect->code,
        effect->operation,
        effect->reference,
        effect->amount,
        effect->key.hi,
        effect->key.lo,
        (uint64_t)effect->blob.slot << 32 | effect->second.slot, /* lengths are judged, and mean nothing (S21) */
        (uint64_t)effect->about.bits << 32 | effect->other.bits,
        (uint64_t)effect->epoch << 32 | effect->count,
        (uint64_t)effect->cause << 32 | effect->starts,
    };
    /* A sum of products with another odd factor each: they don't wait for one another. */
    uint64_t sum = 0, factor = UINT64_C(0x9e3779b97f4a7c15);
    for (uint32_t at = 0; at < sizeof(words) / sizeof(words[0]); at++) {
        sum += words[at] * factor;
        factor *= UINT64_C(0xd1342543de82ef95);
    }
    uint64_t power = 1, counts = 0;
    for (uint32_t at = CAUSE_KEPT; at > 0; at--) {
        counts += effect->causes.count[at - 1] * power;
        power *= 257;
    }
    sum = sum * power + counts;
    sum ^= sum >> 29;
    world_hash(world, sum);
    effects_hash(world, sum);
}
