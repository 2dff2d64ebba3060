/* The facts that a puppet can be told, one function each: they fill an input and hand it to puppet_fact(). */
#include "tests/unit/core/puppet.h"

#include "core/draw.h"

static struct key key_of(uint64_t kind, uint32_t number)
{
    return (struct key){ .hi = draw(1, number, kind, 0), .lo = draw(1, number, kind, 1) };
}

struct key puppet_name(uint32_t function)
{
    return key_of(1, function);
}

struct key puppet_version(uint32_t version)
{
    return key_of(2, version);
}

struct key puppet_request(uint32_t request)
{
    return key_of(3, request);
}

void puppet_function_set(struct puppet *puppet, uint32_t function, struct deployed deployed)
{
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(function);
    input.as.function.version = puppet_version(deployed.version == 0 ? 1 : deployed.version);
    input.as.function.timeout_ns = deployed.timeout_ns == 0 ? SECOND : deployed.timeout_ns;
    uint64_t keep_alive_ns = deployed.keep_alive_ns == 0 ? 3600 * SECOND : deployed.keep_alive_ns;
    input.as.function.keep_alive_ns = deployed.cold ? 0 : keep_alive_ns;
    input.as.function.retries_max = deployed.retries_max;
    input.as.function.concurrency = deployed.concurrency;
    input.as.function.workers_max = deployed.workers_max;
    puppet_fact(puppet, input);
}

void puppet_function_removed(struct puppet *puppet, uint32_t function)
{
    struct input input = { .kind = INPUT_FUNCTION_REMOVED };
    input.as.function.name = puppet_name(function);
    puppet_fact(puppet, input);
}

void puppet_built(struct puppet *puppet, uint64_t operation, enum outcome outcome, enum reason reason)
{
    puppet_fact(puppet,
                (struct input){
                    .kind = INPUT_BUILT, .answers = operation, .outcome = (uint8_t)outcome, .code = (uint16_t)reason });
}

void puppet_consumer(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t fresh_after)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_CONSUMER_READY,
                                        .answers = operation,
                                        .outcome = (uint8_t)outcome,
                                        .as.consumer.fresh_after = fresh_after });
}

struct handle puppet_deploy(struct puppet *puppet, uint32_t function, struct deployed deployed)
{
    puppet_function_set(puppet, function, deployed);
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    struct effect ensure = *puppet_one(puppet, EFFECT_ENSURE_CONSUMER);
    puppet_consumer(puppet, ensure.operation, OUTCOME_DONE, 100);
    puppet_built(puppet, build.operation, OUTCOME_DONE, REASON_NONE);
    puppet_one(puppet, EFFECT_START_WORKER);
    puppet_ready(puppet, puppet->worker, UINT16_MAX);
    puppet_one(puppet, EFFECT_PULL);
    assert_int_equal(puppet_one(puppet, EFFECT_FUNCTION_STATE)->count, FUNCTION_READY);
    return build.about;
}

void puppet_call(struct puppet *puppet, uint32_t request, uint32_t function, uint64_t digest, uint64_t budget_ns)
{
    struct input input = { .kind = INPUT_CALL, .blob = puppet_blob(puppet) };
    input.as.call.request = puppet_request(request);
    input.as.call.function = puppet_name(function);
    input.as.call.digest = digest;
    input.as.call.budget_ns = budget_ns;
    input.as.call.reference = 1000 + request;
    input.as.call.size = 100;
    puppet_fact(puppet, input);
}

void puppet_door(struct puppet *puppet, enum call_kind kind, uint32_t request, uint64_t budget_ns)
{
    struct input input = { .kind = INPUT_CALL };
    input.as.call.kind = (uint8_t)kind;
    input.as.call.request = puppet_request(request);
    input.as.call.budget_ns = budget_ns;
    input.as.call.reference = 2000 + request;
    if (kind == CALL_KIND_SUBMIT) {
        input.blob = puppet_blob(puppet);
        input.as.call.function = puppet_name(1);
        input.as.call.digest = 7;
    }
    puppet_fact(puppet, input);
}

void puppet_found(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t sequence)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_FOUND,
                                        .answers = operation,
                                        .outcome = (uint8_t)outcome,
                                        .as.found.sequence = sequence });
}

void puppet_removed(struct puppet *puppet, uint64_t operation, enum outcome outcome)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_REMOVED, .answers = operation, .outcome = (uint8_t)outcome });
}

void puppet_cancel_heard(struct puppet *puppet, uint32_t request)
{
    struct input input = { .kind = INPUT_CANCEL_HEARD };
    input.as.cancel.request = puppet_request(request);
    puppet_fact(puppet, input);
}

void puppet_cancelled(struct puppet *puppet, struct handle call)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_CALL_CANCELLED, .about = call });
}

void puppet_published(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint16_t code)
{
    puppet_fact(puppet, (struct input){
                            .kind = INPUT_PUBLISHED, .answers = operation, .outcome = (uint8_t)outcome, .code = code });
}

void puppet_fetched(struct puppet *puppet, uint64_t operation, enum outcome outcome, enum end end, uint64_t digest)
{
    struct input input = { .kind = INPUT_RESULT, .answers = operation, .outcome = (uint8_t)outcome };
    if (outcome == OUTCOME_DONE) {
        input.blob = puppet_blob(puppet);
        input.as.result.end = (uint8_t)end;
        input.as.result.digest = digest;
        input.as.result.attempts = 3;
    }
    puppet_fact(puppet, input);
}

void puppet_answer(struct puppet *puppet, uint32_t request, enum end end, uint64_t digest)
{
    struct input input = { .kind = INPUT_ANSWER, .blob = puppet_blob(puppet) };
    input.as.result.request = puppet_request(request);
    input.as.result.end = (uint8_t)end;
    input.as.result.digest = digest;
    input.as.result.attempts = 2;
    puppet_fact(puppet, input);
}

void puppet_ledger(struct puppet *puppet, uint64_t operation, enum outcome outcome, uint64_t revision, uint64_t nonce,
                   uint32_t attempts, uint32_t starts)
{
    struct input input = { .kind = INPUT_LEDGER, .answers = operation, .outcome = (uint8_t)outcome };
    input.as.ledger.revision = revision;
    input.as.ledger.nonce = nonce;
    input.as.ledger.attempts = attempts;
    input.as.ledger.starts = starts;
    input.as.ledger.last = attempts > 0 ? CAUSE_ERROR : CAUSE_NONE;
    puppet_fact(puppet, input);
}

void puppet_deliver(struct puppet *puppet, struct handle function, uint32_t request, uint64_t sequence,
                    uint32_t delivered)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = sequence;
    input.as.delivery.delivered = delivered;
    input.as.delivery.size = 100;
    puppet_fact(puppet, input);
}

void puppet_pull_ended(struct puppet *puppet, uint64_t operation, uint32_t unfilled, uint16_t code)
{
    puppet_fact(
        puppet,
        (struct input){ .kind = INPUT_PULL_ENDED, .answers = operation, .code = code, .as.pull.unfilled = unfilled });
}

void puppet_ready(struct puppet *puppet, struct handle worker, uint16_t concurrency)
{
    puppet_fact(puppet,
                (struct input){ .kind = INPUT_WORKER_READY, .about = worker, .as.worker.concurrency = concurrency });
}

void puppet_exited(struct puppet *puppet, struct handle worker, enum reason reason)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_WORKER_EXITED, .about = worker, .code = (uint16_t)reason });
}

void puppet_broken(struct puppet *puppet, struct handle worker)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_WORKER_BROKEN, .about = worker });
}

void puppet_result(struct puppet *puppet, struct handle worker, uint16_t stream)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_WORKER_RESULT,
                                        .about = worker,
                                        .blob = puppet_blob(puppet),
                                        .as.worker.stream = stream });
}

void puppet_error(struct puppet *puppet, struct handle worker, uint16_t stream, enum error_class class,
                  uint64_t after_ns)
{
    struct input input = { .kind = INPUT_WORKER_ERROR, .about = worker, .blob = puppet_blob(puppet) };
    input.as.worker.stream = stream;
    input.as.worker.class = (uint8_t) class;
    input.as.worker.after_ns = after_ns;
    puppet_fact(puppet, input);
}

void puppet_drain(struct puppet *puppet, uint64_t grace_ns)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_DRAIN, .as.drain.grace_ns = grace_ns });
}
