/* Each step is a fact that the puppet passes to the core; what follows from it is taken out of the list of effects. */
#include "tests/unit/core/one_request.h"

/* Delivers request 5 with somebody waiting for the answer elsewhere. */
static void deliver(struct fixture *fixture)
{
    struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .blob = puppet_blob(fixture->puppet) };
    fixture->message = input.blob;
    input.as.delivery.request = puppet_request(5);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = 1005;
    input.as.delivery.delivered = 1;
    input.as.delivery.has_reply_to = 1;
    puppet_fact(fixture->puppet, input);
    fixture->stream = puppet_one(fixture->puppet, EFFECT_EXECUTE)->stream;
}

int up_with(void **state, uint16_t retries_max)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    fixture->function = puppet_deploy(fixture->puppet, 1, (struct deployed){ .retries_max = retries_max });
    fixture->worker = fixture->puppet->worker;
    deliver(fixture);
    *state = fixture;
    return 0;
}

int up(void **state)
{
    return up_with(state, 1);
}

int down(void **state)
{
    struct fixture *fixture = *state;
    puppet_free(fixture->puppet);
    test_free(fixture);
    return 0;
}

void expect_state(struct fixture *fixture, enum delivery_state expected)
{
    assert_string_equal(delivery_state_name(puppet_delivery(fixture->puppet, 5)), delivery_state_name(expected));
}

void expect_end(const struct effect *store, enum end end, enum reason reason, uint32_t attempts)
{
    assert_string_equal(end_name((enum end)store->end), end_name(end));
    assert_string_equal(reason_name((enum reason)store->code), reason_name(reason));
    assert_int_equal(store->count, attempts);
    assert_true(store->create_only);
    assert_true(key_equal(store->key, puppet_request(5)));
}

struct effect succeed(struct fixture *fixture)
{
    puppet_result(fixture->puppet, fixture->worker, fixture->stream);
    return *puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT);
}

struct effect fail_once(struct fixture *fixture)
{
    puppet_error(fixture->puppet, fixture->worker, fixture->stream, ERROR_RETRY, 0);
    expect_state(fixture, DELIVERY_CHARGING);
    return *puppet_one(fixture->puppet, EFFECT_LEDGER_PUT);
}
