/* Fills the inputs that puppet.h has no words for. */
#include "tests/unit/core/shares.h"

#include "core/index.h"
#include "core/machine.h"

enum { SEQUENCES_TRIED = 10000 };

void share_set(struct puppet *puppet, uint32_t name, struct share share)
{
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(name);
    input.as.function.of = share.of == 0 ? (struct key){ 0 } : puppet_name(share.of);
    input.as.function.version = puppet_version(share.version);
    input.as.function.timeout_ns = 20 * SECOND;
    input.as.function.keep_alive_ns = 3600 * SECOND;
    input.as.function.workers_max = share.workers_max;
    input.as.function.retries_max = share.retries_max;
    input.as.function.alias = share.alias;
    input.as.function.place = share.place;
    input.as.function.weight = share.weight;
    input.as.function.closing = share.closing;
    input.as.function.elsewhere = share.elsewhere;
    puppet_fact(puppet, input);
}

struct handle share_up(struct puppet *puppet, uint32_t route, struct share share)
{
    share_set(puppet, route, share);
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    puppet_built(puppet, build.operation, OUTCOME_DONE, REASON_NONE);
    puppet_one(puppet, EFFECT_START_WORKER);
    puppet_ready(puppet, puppet->worker, UINT16_MAX);
    assert_int_equal(puppet_function(puppet, route), FUNCTION_READY);
    return build.about;
}

void share_deliver(struct puppet *puppet, struct handle function, uint32_t request, uint64_t sequence, uint8_t alias)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = sequence;
    input.as.delivery.delivered = 1;
    input.as.delivery.alias = alias;
    puppet_fact(puppet, input);
}

uint64_t share_sequence(struct puppet *puppet, uint32_t function, uint8_t alias, uint32_t name, uint64_t from)
{
    uint32_t owner = index_find_function(puppet->core, puppet_name(function));
    uint32_t wanted = index_find_function(puppet->core, puppet_name(name));
    for (uint64_t sequence = from; sequence < from + SEQUENCES_TRIED; sequence++) {
        if (route_choose(puppet->core, owner, alias, sequence) == wanted) {
            return sequence;
        }
    }
    fail_msg("no message of alias %u runs on %u", alias, name);
    return 0;
}

struct function *share_row(struct puppet *puppet, uint32_t name)
{
    uint32_t at = index_find_function(puppet->core, puppet_name(name));
    assert_int_not_equal(at, NOWHERE);
    return function_at(puppet->core, at);
}

void expect_runs(struct puppet *puppet, uint32_t version)
{
    const struct effect *execute = puppet_one(puppet, EFFECT_EXECUTE);
    const struct worker *worker = worker_at(puppet->core, handle_index(execute->about));
    assert_true(key_equal(worker->version, puppet_version(version)));
}
