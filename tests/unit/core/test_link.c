/* A lost connection in every state of a delivery: what waits for the broker asks again on the next one, tokens of
 * the old one are never extended nor handed back (the puppet checks that at every step), and the ack is still
 * ours. */
#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    struct handle function;
    struct effect execute;
};

static int up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    fixture->function = puppet_deploy(fixture->puppet, 1, (struct deployed){ .timeout_ns = 50 * SECOND });
    *state = fixture;
    return 0;
}

static int down(void **state)
{
    struct fixture *fixture = *state;
    puppet_free(fixture->puppet);
    test_free(fixture);
    return 0;
}

/* -- the ways into each state ------------------------------------------------------------------------------------ */

static void into_checking(struct fixture *fixture)
{
    puppet_deliver(fixture->puppet, fixture->function, 5, 50, 2);
}

static void into_reading(struct fixture *fixture)
{
    into_checking(fixture);
    puppet_fetched(fixture->puppet, puppet_one(fixture->puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED,
                   END_NONE, 0);
}

static void into_claiming(struct fixture *fixture)
{
    into_reading(fixture);
    puppet_ledger(fixture->puppet, puppet_one(fixture->puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0,
                  0);
}

static void into_running(struct fixture *fixture)
{
    puppet_deliver(fixture->puppet, fixture->function, 5, 1005, 1);
    fixture->execute = *puppet_one(fixture->puppet, EFFECT_EXECUTE);
}

static void into_queued(struct fixture *fixture)
{
    puppet_deliver(fixture->puppet, fixture->function, 99, 1099, 1);
    puppet_deliver(fixture->puppet, fixture->function, 5, 1005, 1);
}

static void into_charging(struct fixture *fixture)
{
    into_running(fixture);
    puppet_error(fixture->puppet, fixture->execute.about, fixture->execute.stream, ERROR_RETRY, 0);
}

static void into_rechecking(struct fixture *fixture)
{
    into_charging(fixture);
    puppet_ledger(fixture->puppet, puppet_one(fixture->puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_UNKNOWN, 0, 0, 0,
                  0);
}

static void into_storing(struct fixture *fixture)
{
    into_running(fixture);
    puppet_result(fixture->puppet, fixture->execute.about, fixture->execute.stream);
}

static void into_fetching(struct fixture *fixture)
{
    into_storing(fixture);
    puppet_published(fixture->puppet, puppet_one(fixture->puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_REFUSED,
                     10071);
}

static void into_burying(struct fixture *fixture)
{
    into_fetching(fixture);
    puppet_fetched(fixture->puppet, puppet_one(fixture->puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE,
                   END_DEAD_LETTERED, 7);
}

static const struct {
    void (*into)(struct fixture *fixture);
    enum delivery_state state, after; /* before the link is lost, and on the next one */
    enum effect_kind asks;            /* EFFECT_COUNT: nothing */
} cases[] = {
    { into_checking, DELIVERY_CHECKING, DELIVERY_CHECKING, EFFECT_FETCH_RESULT },
    { into_reading, DELIVERY_READING, DELIVERY_READING, EFFECT_LEDGER_GET },
    { into_claiming, DELIVERY_CLAIMING, DELIVERY_READING, EFFECT_LEDGER_GET },
    { into_queued, DELIVERY_QUEUED, DELIVERY_QUEUED, EFFECT_COUNT },
    { into_running, DELIVERY_RUNNING, DELIVERY_RUNNING, EFFECT_COUNT },
    { into_charging, DELIVERY_CHARGING, DELIVERY_RECHECKING, EFFECT_LEDGER_GET },
    { into_rechecking, DELIVERY_RECHECKING, DELIVERY_RECHECKING, EFFECT_LEDGER_GET },
    { into_storing, DELIVERY_STORING, DELIVERY_STORING, EFFECT_PUBLISH_RESULT },
    { into_fetching, DELIVERY_FETCHING, DELIVERY_FETCHING, EFFECT_FETCH_RESULT },
    { into_burying, DELIVERY_BURYING, DELIVERY_BURYING, EFFECT_PUBLISH_DEAD },
};

static void asks_again_on_the_next_link_in_every_state(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture;
        up((void **)&fixture);
        struct puppet *puppet = fixture->puppet;
        cases[i].into(fixture);
        puppet_expect_delivery(puppet, 5, cases[i].state);
        puppet_link_down(puppet);
        puppet_one(puppet, EFFECT_CONNECT);
        assert_int_equal(puppet->seen_count, 1);
        puppet_wait(puppet, SECOND);
        assert_int_equal(puppet->seen_count, 0);
        puppet_link_up(puppet);
        puppet_expect_delivery(puppet, 5, cases[i].after);
        puppet_one(puppet, EFFECT_ENSURE_CONSUMER);
        if (cases[i].asks != EFFECT_COUNT) {
            assert_int_equal(puppet_one(puppet, cases[i].asks)->epoch, puppet->epoch);
        } else {
            assert_int_equal(puppet->seen_count, 1);
        }
        down((void **)&fixture);
    }
}

/* Long without a broker: questions time out, nothing is asked, and the next link starts over all the same. */
static void keeps_what_it_has_while_there_is_no_broker(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture *fixture;
        up((void **)&fixture);
        struct puppet *puppet = fixture->puppet;
        cases[i].into(fixture);
        puppet_link_down(puppet);
        puppet_wait(puppet, 45 * SECOND);
        assert_int_equal(puppet_count(puppet, EFFECT_EXTEND), 0);
        assert_int_equal(puppet_count(puppet, EFFECT_HAND_BACK), 0);
        if (cases[i].asks != EFFECT_COUNT) {
            puppet_expect_delivery(puppet, 5, cases[i].after);
            puppet_link_up(puppet);
            puppet_one(puppet, cases[i].asks);
        }
        down((void **)&fixture);
    }
}

/* Held too long, but its token is of the old connection: the broker will deliver it again by itself. */
static void forgets_what_it_can_not_hand_back(void **state)
{
    struct fixture *fixture = *state;
    into_queued(fixture);
    puppet_link_down(fixture->puppet);
    puppet_link_up(fixture->puppet);
    puppet_wait(fixture->puppet, 5 * SECOND);
    assert_int_equal(puppet_count(fixture->puppet, EFFECT_HAND_BACK), 0);
    puppet_order(fixture->puppet, EFFECT_DROP_BLOB, EFFECT_FORGET, EFFECT_COUNT);
    puppet_expect_delivery(fixture->puppet, 5, DELIVERY_FREE);
}

static void acks_nothing_by_the_token_of_a_passed_connection(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    into_running(fixture);
    puppet_link_down(puppet);
    puppet_wait(puppet, SECOND);
    puppet_link_up(puppet);
    puppet_wait(puppet, 20 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_EXTEND), 0);
    puppet_result(puppet, fixture->execute.about, fixture->execute.stream);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_RESULT)->operation, OUTCOME_DONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_ACK), 0); /* it comes again, and is acked then */
    assert_int_equal(core_blobs_held(puppet->core), 0);
}

/* Refused for want of what may be there by now: after a reconnect it is not ended so, wherever it was on its way. */
static void forgets_what_it_refused_before(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    for (uint32_t answered = 0; answered <= 2; answered++) {
        struct input input = { .kind = INPUT_DELIVERY, .about = fixture->function, .blob = puppet_blob(puppet) };
        input.as.delivery.request = puppet_request(100 + answered);
        input.as.delivery.sequence = 1100 + answered;
        input.as.delivery.delivered = 2;
        input.as.delivery.alias = 1; /* there is none */
        puppet_fact(puppet, input);
        if (answered >= 1) {
            puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
        }
        if (answered >= 2) {
            puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
            assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_ALIAS_NOT_FOUND);
        }
        puppet_link_down(puppet);
        puppet_link_up(puppet);
        puppet_wait(puppet, SECOND);
        assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_RESULT), 0);
        assert_int_equal(puppet_delivery(puppet, 100 + answered), DELIVERY_FREE);
    }
}

static void extends_by_the_new_token_what_comes_again_after_a_reconnect(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    into_running(fixture);
    puppet_link_down(puppet);
    puppet_link_up(puppet);
    puppet_deliver(puppet, fixture->function, 5, 1005, 2);
    uint32_t slot = puppet->blob_next;
    puppet_wait(puppet, 10 * SECOND);
    assert_int_equal(puppet_one(puppet, EFFECT_EXTEND)->blob.slot, slot);
}

static void forgets_the_credit_of_a_lost_link(void **state)
{
    struct fixture *fixture = *state;
    struct puppet *puppet = fixture->puppet;
    assert_int_equal(puppet_view(puppet).credits, 1);
    uint64_t old = (uint64_t)fixture->function.bits << 32 | 1;
    puppet_link_down(puppet);
    assert_int_equal(puppet_view(puppet).credits, 0);
    puppet_link_up(puppet);
    puppet_consumer(puppet, puppet_one(puppet, EFFECT_ENSURE_CONSUMER)->operation, OUTCOME_DONE, 100);
    puppet_one(puppet, EFFECT_PULL);
    puppet_fact(puppet, (struct input){ .kind = INPUT_PULL_ENDED, .answers = old, .epoch = 1, .as.pull.unfilled = 1 });
    assert_int_equal(puppet_view(puppet).credits, 1); /* the end of an old pull takes nothing from the new one */
}

static void ignores_the_end_of_another_link(void **state)
{
    struct fixture *fixture = *state;
    puppet_fact(fixture->puppet, (struct input){ .kind = INPUT_LINK_DOWN, .epoch = 77 });
    assert_true(puppet_view(fixture->puppet).link_up);
    puppet_link_up(fixture->puppet); /* a new one while the old one was not known to be lost */
    assert_true(puppet_view(fixture->puppet).link_up);
    assert_int_equal(puppet_view(fixture->puppet).credits, 0);
    puppet_one(fixture->puppet, EFFECT_ENSURE_CONSUMER);
    puppet_fact(fixture->puppet, (struct input){ .kind = INPUT_LINK_DOWN, .epoch = 1 });
    assert_true(puppet_view(fixture->puppet).link_up);
}

/* -- attempts ---------------------------------------------------------------------------------------------------- */

static void expect_wait(struct puppet *puppet, enum effect_kind kind, uint64_t most_ns)
{
    assert_in_range(puppet_one(puppet, kind)->amount, most_ns / 2, most_ns - 1);
}

static void connects_ever_more_slowly(void **state)
{
    static const uint64_t most_ms[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
    struct puppet *puppet = puppet_new(NULL, NULL);
    for (size_t i = 0; i < sizeof most_ms / sizeof most_ms[0]; i++) {
        puppet_link_down(puppet);
        expect_wait(puppet, EFFECT_CONNECT, most_ms[i] * MS);
    }
    puppet_link_up(puppet);
    puppet_wait(puppet, SECOND);
    puppet_link_down(puppet);
    expect_wait(puppet, EFFECT_CONNECT, 2 * SECOND); /* it did not hold */
    puppet_link_up(puppet);
    puppet_wait(puppet, 3 * SECOND);
    puppet_link_down(puppet);
    expect_wait(puppet, EFFECT_CONNECT, 100 * MS);
    puppet_free(puppet);
}

static void provisions_again_when_refused(void **state)
{
    struct puppet *puppet = puppet_new(NULL, NULL);
    puppet_fact(puppet, (struct input){ .kind = INPUT_LINK_REFUSED, .epoch = 1 });
    expect_wait(puppet, EFFECT_PROVISION, SECOND);
    assert_false(puppet_view(puppet).link_up);
    puppet_fact(puppet, (struct input){ .kind = INPUT_LINK_REFUSED, .epoch = 1 });
    expect_wait(puppet, EFFECT_PROVISION, 2 * SECOND);
    puppet_link_up(puppet);
    puppet_fact(puppet, (struct input){ .kind = INPUT_LINK_REFUSED, .epoch = puppet->epoch });
    assert_int_equal(puppet_count(puppet, EFFECT_PROVISION), 0); /* a late one */
    assert_true(puppet_view(puppet).link_up);
    puppet_free(puppet);
}

/* -- silence ----------------------------------------------------------------------------------------------------- */

static void cuts_a_link_that_says_nothing(void **state)
{
    struct settings settings = puppet_settings;
    settings.silence_ns_max = 10 * SECOND;
    struct puppet *puppet = puppet_new(NULL, &settings);
    puppet_link_up(puppet);
    puppet_wait(puppet, 60 * SECOND);
    assert_int_equal(puppet_count(puppet, EFFECT_DISCONNECT), 0); /* nothing is asked for: silence is fine */
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (int i = 0; i < 5; i++) {
        puppet_wait(puppet, 5 * SECOND);
        assert_int_equal(puppet_count(puppet, EFFECT_DISCONNECT), 0);
        puppet_fact(puppet, (struct input){ .kind = INPUT_HEARD });
    }
    uint64_t heard_ns = puppet->now_ns;
    puppet_fact(puppet, (struct input){ .kind = INPUT_HEARD, .epoch = 77 }); /* of another connection */
    puppet_wait(puppet, 16 * SECOND);
    assert_in_range(puppet_when(puppet, EFFECT_DISCONNECT), heard_ns + 10 * SECOND, heard_ns + 15 * SECOND);
    puppet_free(puppet);
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(asks_again_on_the_next_link_in_every_state),
        LINK_TEST(keeps_what_it_has_while_there_is_no_broker),
        LINK_TEST(forgets_what_it_can_not_hand_back),
        LINK_TEST(acks_nothing_by_the_token_of_a_passed_connection),
        LINK_TEST(forgets_what_it_refused_before),
        LINK_TEST(extends_by_the_new_token_what_comes_again_after_a_reconnect),
        LINK_TEST(forgets_the_credit_of_a_lost_link),
        LINK_TEST(ignores_the_end_of_another_link),
        cmocka_unit_test(connects_ever_more_slowly),
        cmocka_unit_test(provisions_again_when_refused),
        LINK_TEST(cuts_a_link_that_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
