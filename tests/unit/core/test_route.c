/* Routes: which version a message meets, and what becomes of it while a version is on its way up or failed. Function 1
 * runs version 1; routes are the functions 2 and 3, versions 2 and 3. */
#include "tests/unit/core/shares.h"

#include "core/index.h"
#include "core/machine.h"

enum { ALIAS_NEXT = 1, ALIAS_NONE = 9, SEQUENCES = 10000 };

static const struct share canary_30 = { .of = 1, .version = 2, .weight = 30 };
static const struct share next_all = { .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 100 };

static struct handle deploy(struct puppet *puppet)
{
    return puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 20 * SECOND });
}

static uint32_t row_of(const struct puppet *puppet, uint32_t name)
{
    uint32_t at = index_find_function(puppet->core, puppet_name(name));
    assert_int_not_equal(at, NOWHERE);
    return at;
}

/* How many of the sequences 1 to SEQUENCES run on that one. */
static uint32_t count_on(struct puppet *puppet, uint8_t alias, uint32_t name)
{
    uint32_t wanted = row_of(puppet, name), owner = row_of(puppet, 1), count = 0;
    for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
        count += route_choose(puppet->core, owner, alias, sequence) == wanted;
    }
    return count;
}

/* Within four standard deviations, at most 200 of 10,000. */
static void expect_per_cent(struct puppet *puppet, uint8_t alias, uint32_t name, uint32_t per_cent)
{
    uint32_t count = count_on(puppet, alias, name), mean = SEQUENCES / 100 * per_cent;
    uint32_t slack = per_cent == 0 || per_cent == 100 ? 0 : 200;
    assert_in_range(count + slack, mean, mean + 2 * slack);
}

/* -- shares ------------------------------------------------------------------------------------------------------ */

static void divides_by_weight(void **state)
{
    static const struct {
        uint8_t second, third;                  /* weights of the two routes */
        uint32_t of_first, of_second, of_third; /* what comes of them, in per cent */
    } rows[] = { { 30, 20, 50, 30, 20 }, { 1, 0, 99, 1, 0 },    { 0, 0, 100, 0, 0 },
                 { 100, 0, 0, 100, 0 },  { 60, 40, 0, 60, 40 }, { 100, 100, 0, 50, 50 } };
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    share_up(puppet, 3, (struct share){ .of = 1, .version = 3 });
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = rows[i].second });
        share_set(puppet, 3, (struct share){ .of = 1, .version = 3, .weight = rows[i].third });
        expect_per_cent(puppet, ALIAS_LIVE, 1, rows[i].of_first);
        expect_per_cent(puppet, ALIAS_LIVE, 2, rows[i].of_second);
        expect_per_cent(puppet, ALIAS_LIVE, 3, rows[i].of_third);
    }
}

static void divides_another_alias_among_its_own(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, (struct share){ .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 40 });
    share_up(puppet, 3, (struct share){ .of = 1, .version = 3, .alias = ALIAS_NEXT, .weight = 10 });
    expect_per_cent(puppet, ALIAS_NEXT, 1, 0);
    expect_per_cent(puppet, ALIAS_NEXT, 2, 80);
    expect_per_cent(puppet, ALIAS_NEXT, 3, 20);
    expect_per_cent(puppet, ALIAS_LIVE, 1, 100);
}

/* Another core, with a seed of its own and routes that it learned in another order. */
static struct puppet *other_puppet(void)
{
    struct puppet *puppet = puppet_new(NULL, NULL);
    puppet->core = core_init(puppet->memory, &puppet_limits, &puppet_settings, 4711);
    puppet_link_up(puppet);
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    return puppet;
}

static void chooses_alike_on_every_instance(void **state)
{
    struct puppet *puppet = *state, *other = other_puppet();
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
        uint32_t here = route_choose(puppet->core, row_of(puppet, 1), ALIAS_LIVE, sequence);
        uint32_t there = route_choose(other->core, row_of(other, 1), ALIAS_LIVE, sequence);
        assert_true(key_equal(function_at(puppet->core, here)->name, function_at(other->core, there)->name));
    }
    puppet_free(other);
}

/* They learned of their routes in another order, as after removals and restarts. */
static void chooses_alike_whatever_came_first(void **state)
{
    const struct share second = { .of = 1, .version = 2, .place = 1, .weight = 30 };
    const struct share third = { .of = 1, .version = 3, .place = 2, .weight = 20 };
    struct puppet *puppet = *state, *other = puppet_new(NULL, NULL);
    puppet_link_up(other);
    deploy(puppet);
    deploy(other);
    share_up(puppet, 2, second);
    share_up(puppet, 3, third);
    share_up(other, 3, third);
    share_up(other, 2, second);
    for (uint64_t sequence = 1; sequence <= SEQUENCES; sequence++) {
        uint32_t here = route_choose(puppet->core, row_of(puppet, 1), ALIAS_LIVE, sequence);
        uint32_t there = route_choose(other->core, row_of(other, 1), ALIAS_LIVE, sequence);
        assert_true(key_equal(function_at(puppet->core, here)->name, function_at(other->core, there)->name));
    }
    puppet_free(other);
}

static void runs_each_message_on_its_version(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_up(puppet, 2, canary_30);
    share_up(puppet, 3, (struct share){ .of = 1, .version = 3, .alias = ALIAS_NEXT, .weight = 1 });
    share_deliver(puppet, function, 1, share_sequence(puppet, 1, ALIAS_LIVE, 2, 200), ALIAS_LIVE);
    expect_runs(puppet, 2);
    share_deliver(puppet, function, 2, share_sequence(puppet, 1, ALIAS_LIVE, 1, 200), ALIAS_LIVE);
    expect_runs(puppet, 1);
    share_deliver(puppet, function, 3, 200, ALIAS_NEXT);
    expect_runs(puppet, 3);
}

/* Failed, charged, handed back, delivered to another instance: the same version again. */
static void meets_the_same_version_again(void **state)
{
    struct puppet *puppet = *state, *other = other_puppet();
    const struct share retried = { .of = 1, .version = 2, .weight = 30, .retries_max = 2 };
    struct handle function = deploy(puppet);
    share_up(puppet, 2, retried);
    share_set(other, 2, retried);
    uint64_t sequence = share_sequence(puppet, 1, ALIAS_LIVE, 2, 200);
    share_deliver(puppet, function, 1, sequence, ALIAS_LIVE);
    expect_runs(puppet, 2);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_error(puppet, execute.about, execute.stream, ERROR_RETRY, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 100 * MS);
    struct handle there = pool_handle(other->core, &other->core->functions, row_of(other, 1));
    puppet_deliver(other, there, 1, sequence, 2);
    puppet_fetched(other, puppet_one(other, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(other, puppet_one(other, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 1, 0, 0, 0);
    puppet_ledger(other, puppet_one(other, EFFECT_LEDGER_PUT)->operation, OUTCOME_DONE, 2, 0, 0, 0);
    expect_runs(other, 2);
    puppet_free(other);
}

static void takes_a_new_weight_at_once(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 70 });
    assert_int_equal(puppet_count(puppet, EFFECT_BUILD), 0);
    assert_int_equal(puppet_count(puppet, EFFECT_STOP_WORKER), 0);
    expect_per_cent(puppet, ALIAS_LIVE, 2, 70);
}

/* -- aliases that are not there, or not yet ------------------------------------------------------------------------ */

static void ends_what_names_no_alias(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_up(puppet, 2, next_all);
    share_deliver(puppet, function, 1, 200, ALIAS_NONE);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
    struct effect store = *puppet_one(puppet, EFFECT_PUBLISH_RESULT);
    assert_int_equal(store.end, END_FAILED);
    assert_int_equal(store.code, REASON_ALIAS_NOT_FOUND);
    puppet_published(puppet, store.operation, OUTCOME_DONE, 0);
    puppet_one(puppet, EFFECT_ACK);
}

static void says_first_what_is_wrong_with_the_message(void **state)
{
    struct puppet *puppet = *state;
    struct input input = { .kind = INPUT_DELIVERY, .about = deploy(puppet), .blob = puppet_blob(puppet) };
    input.code = REASON_INVALID_EVENT;
    input.as.delivery.request = puppet_request(1);
    input.as.delivery.sequence = 200;
    input.as.delivery.delivered = 1;
    input.as.delivery.alias = ALIAS_NONE;
    puppet_fact(puppet, input);
    assert_int_equal(puppet_one(puppet, EFFECT_PUBLISH_RESULT)->code, REASON_INVALID_EVENT);
}

static void holds_what_waits_for_a_version_on_its_way_up(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, next_all);
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    puppet_built(puppet, build.operation, OUTCOME_DONE, REASON_NONE);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    puppet_ready(puppet, puppet->worker, 1);
    expect_runs(puppet, 2);
}

static void holds_it_no_longer_than_anything_else(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, next_all);
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT);
    puppet_wait(puppet, puppet_settings.hold_ns_max - 1);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
    puppet_wait(puppet, 1);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
}

static void leaves_the_share_of_a_canary_that_is_not_up(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .weight = 100 });
    expect_per_cent(puppet, ALIAS_LIVE, 1, 100);
    puppet_built(puppet, puppet_one(puppet, EFFECT_BUILD)->operation, OUTCOME_DONE, REASON_NONE);
    expect_per_cent(puppet, ALIAS_LIVE, 1, 100);
    puppet_ready(puppet, puppet->worker, 1);
    expect_per_cent(puppet, ALIAS_LIVE, 2, 100);
}

static void hands_back_what_waits_for_a_version_that_failed(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, next_all);
    struct effect build = *puppet_one(puppet, EFFECT_BUILD);
    share_deliver(puppet, function, 1, 200, ALIAS_NEXT);
    puppet_built(puppet, build.operation, OUTCOME_REFUSED, REASON_BUILD_FAILED);
    assert_int_equal(puppet_one(puppet, EFFECT_FUNCTION_STATE)->code, REASON_BUILD_FAILED);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, puppet_settings.publish_timeout_ns);
    share_deliver(puppet, function, 2, 201, ALIAS_NEXT); /* and what comes now */
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, puppet_settings.publish_timeout_ns);
    share_deliver(puppet, function, 3, 202, ALIAS_LIVE);
    expect_runs(puppet, 1);
}

/* Whoever was charged elsewhere, where the version is up, has the same number of tries here, where it is not yet. */
static void counts_attempts_by_the_version_that_is_to_come(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = deploy(puppet);
    share_set(puppet, 2, (struct share){ .of = 1, .version = 2, .alias = ALIAS_NEXT, .weight = 1, .retries_max = 3 });
    struct input input = { .kind = INPUT_DELIVERY, .about = function, .blob = puppet_blob(puppet) };
    input.as.delivery.request = puppet_request(1);
    input.as.delivery.sequence = 200;
    input.as.delivery.delivered = 2;
    input.as.delivery.alias = ALIAS_NEXT;
    puppet_fact(puppet, input);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_DONE, 5, 0, 1, 0);
    assert_int_equal(puppet_delivery(puppet, 1), DELIVERY_QUEUED);
}

/* Only functions have a consumer; an adapter that says otherwise is not believed. */
static void hands_back_what_is_said_to_come_from_a_route(void **state)
{
    struct puppet *puppet = *state;
    deploy(puppet);
    share_up(puppet, 2, canary_30);
    share_deliver(puppet, pool_handle(puppet->core, &puppet->core->functions, row_of(puppet, 2)), 1, 200, ALIAS_LIVE);
    assert_int_equal(puppet_count(puppet, EFFECT_EXECUTE), 0);
    puppet_one(puppet, EFFECT_HAND_BACK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(divides_by_weight),
        TEST(divides_another_alias_among_its_own),
        TEST(chooses_alike_on_every_instance),
        TEST(chooses_alike_whatever_came_first),
        TEST(runs_each_message_on_its_version),
        TEST(meets_the_same_version_again),
        TEST(takes_a_new_weight_at_once),
        TEST(ends_what_names_no_alias),
        TEST(says_first_what_is_wrong_with_the_message),
        TEST(holds_what_waits_for_a_version_on_its_way_up),
        TEST(holds_it_no_longer_than_anything_else),
        TEST(leaves_the_share_of_a_canary_that_is_not_up),
        TEST(hands_back_what_waits_for_a_version_that_failed),
        TEST(counts_attempts_by_the_version_that_is_to_come),
        TEST(hands_back_what_is_said_to_come_from_a_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
