/* What ought to come by itself and is only found when it is looked for: after a few of these in a row the connection is
 * renewed. Function 1 is served elsewhere, so that results come as answers. */
#include "tests/unit/core/puppet.h"

struct fixture {
    struct puppet *puppet;
    uint32_t request;
};

static int up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->puppet = puppet_new(NULL, NULL);
    puppet_link_up(fixture->puppet);
    struct input input = { .kind = INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(1);
    input.as.function.version = puppet_version(1);
    input.as.function.elsewhere = 1;
    puppet_fact(fixture->puppet, input);
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

/* A call whose result is found by looking; returns whether the connection is cut for that. */
static bool looked_for(struct fixture *fixture, bool duplicate, enum end end)
{
    struct puppet *puppet = fixture->puppet;
    puppet_call(puppet, ++fixture->request, 1, 7, 0);
    struct input confirmed = { .kind = INPUT_PUBLISHED };
    confirmed.answers = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
    confirmed.as.published.duplicate = duplicate;
    puppet_fact(puppet, confirmed);
    if (!duplicate) {
        puppet_wait(puppet, 5 * SECOND);
    }
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, end, 7);
    puppet_one(puppet, EFFECT_REPLY);
    bool cut = puppet_count(puppet, EFFECT_DISCONNECT) > 0;
    if (cut) {
        assert_int_equal(puppet_one(puppet, EFFECT_DISCONNECT)->count, DISCONNECT_UNANSWERED);
    }
    return cut;
}

static void answered(struct fixture *fixture)
{
    puppet_call(fixture->puppet, ++fixture->request, 1, 7, 0);
    puppet_published(fixture->puppet, puppet_one(fixture->puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    puppet_answer(fixture->puppet, fixture->request, END_SUCCEEDED, 7);
    puppet_one(fixture->puppet, EFFECT_REPLY);
}

static uint32_t until_cut(struct fixture *fixture)
{
    uint32_t count = 1;
    while (!looked_for(fixture, false, END_SUCCEEDED)) {
        assert_in_range(++count, 1, 1000);
    }
    return count;
}

static void renews_after_a_few_and_then_after_twice_as_many(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t expected[] = { 4, 8, 16, 32, 64, 128, 256, 256 };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_int_equal(until_cut(fixture), expected[i]);
        puppet_link_down(fixture->puppet);
        puppet_link_up(fixture->puppet);
    }
    answered(fixture);
    assert_int_equal(until_cut(fixture), 4);
}

static void one_answer_says_that_all_is_well(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 50; i++) {
        assert_false(looked_for(fixture, false, END_SUCCEEDED));
        assert_false(looked_for(fixture, false, END_SUCCEEDED));
        answered(fixture);
    }
}

static void counts_only_what_should_have_been_answered(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 50; i++) {
        assert_false(looked_for(fixture, true, END_SUCCEEDED));  /* It may have ended long ago. */
        assert_false(looked_for(fixture, false, END_CANCELLED)); /* Who cancels answers nobody. */
    }
}

static void forgets_with_the_connection(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 20; i++) {
        for (uint32_t one = 0; one < 3; one++) {
            assert_false(looked_for(fixture, false, END_SUCCEEDED));
        }
        puppet_link_down(fixture->puppet);
        puppet_link_up(fixture->puppet);
    }
}

static void change(struct fixture *fixture, bool looked)
{
    struct input input = { .kind = INPUT_CHANGE };
    input.as.change.looked_for = looked;
    puppet_fact(fixture->puppet, input);
}

static void hears_of_changes(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t i = 0; i < 20; i++) {
        change(fixture, true);
        change(fixture, true);
        change(fixture, true);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_DISCONNECT), 0);
        change(fixture, false);
    }
    for (uint32_t i = 0; i < 40; i++) {
        change(fixture, true);
        assert_int_equal(puppet_count(fixture->puppet, EFFECT_DISCONNECT), 0); /* They may be on their way. */
    }
    puppet_wait(fixture->puppet, 5 * SECOND);
    change(fixture, true);
    assert_int_equal(puppet_one(fixture->puppet, EFFECT_DISCONNECT)->count, DISCONNECT_UNTOLD);
}

/* The cut takes effect a while later, and until then all of a backlog may be found. */
static void a_backlog_found_at_once_cuts_once(void **state)
{
    enum { BACKLOG = 16 };
    struct puppet *puppet = ((struct fixture *)*state)->puppet;
    uint64_t fetches[BACKLOG];
    uint32_t cuts = 0;
    for (uint32_t request = 1; request <= BACKLOG; request++) {
        puppet_call(puppet, request, 1, 7, 0);
        puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    }
    puppet_wait(puppet, 5 * SECOND);
    for (uint32_t at = 0; at < BACKLOG; at++) {
        fetches[at] = puppet_nth(puppet, EFFECT_FETCH_RESULT, at)->operation;
    }
    for (uint32_t at = 0; at < BACKLOG; at++) {
        puppet_fetched(puppet, fetches[at], OUTCOME_DONE, END_SUCCEEDED, 7);
        puppet_one(puppet, EFFECT_REPLY);
        cuts += puppet_count(puppet, EFFECT_DISCONNECT);
        change(*state, true);
        cuts += puppet_count(puppet, EFFECT_DISCONNECT);
    }
    assert_int_equal(cuts, 1);
}

#define FIXED(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXED(renews_after_a_few_and_then_after_twice_as_many),
        FIXED(one_answer_says_that_all_is_well),
        FIXED(counts_only_what_should_have_been_answered),
        FIXED(forgets_with_the_connection),
        FIXED(hears_of_changes),
        FIXED(a_backlog_found_at_once_cuts_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
