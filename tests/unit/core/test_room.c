/* The room that our door leaves in the request stream of a broker that drops what it has no room for when it is killed.
 * Function 1 is deployed; the stream takes 1,000 messages, of which doors count on 750. */
#include "tests/unit/core/puppet.h"

struct seen {
    uint64_t messages, removed;
    uint32_t instances, pending_max;
    uint64_t bytes, bytes_max;
};

static void see(struct puppet *puppet, struct seen seen)
{
    puppet_wait(puppet, SECOND);
    struct input input = { .kind = INPUT_STREAM, .epoch = puppet->epoch };
    input.as.stream.messages = seen.messages;
    input.as.stream.sequence = seen.messages + seen.removed;
    input.as.stream.messages_max = 1000;
    input.as.stream.instances = seen.instances;
    input.as.stream.pending_max = seen.pending_max;
    input.as.stream.bytes = seen.bytes;
    input.as.stream.bytes_max = seen.bytes_max;
    input.as.stream.drops = true;
    puppet_fact(puppet, input);
}

/* Up to where it knows what was removed lately. */
static struct puppet *watched(void **state, uint64_t removed)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    for (uint32_t look = 0; look < 8; look++) {
        see(puppet, (struct seen){ .removed = removed });
    }
    return puppet;
}

/* How many callers are let in, up to a hundred; the broker has confirmed them all. */
static uint32_t let_in(struct puppet *puppet)
{
    static uint32_t request = 1000;
    for (uint32_t count = 0; count < 100; count++) {
        puppet_door(puppet, CALL_KIND_SUBMIT, ++request, 10 * SECOND);
        if (puppet_count(puppet, EFFECT_REPLY) > 0) {
            assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->code, REASON_QUEUE_FULL);
            return count;
        }
        struct input input = { .kind = INPUT_PUBLISHED, .outcome = OUTCOME_DONE };
        input.answers = puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation;
        puppet_fact(puppet, input);
    }
    return 100;
}

static void lets_in_its_share_of_what_is_left(void **state)
{
    struct puppet *puppet = watched(state, 0);
    static const struct {
        struct seen seen;
        uint32_t count;
    } rows[] = {
        { { .messages = 0 }, 100 }, /* 375 */
        { { .messages = 650, .instances = 1 }, 50 },
        { { .messages = 650, .instances = 2 }, 25 },
        { { .messages = 650, .instances = 100 }, 0 },
        { { .messages = 750, .instances = 1 }, 0 },
        { { .messages = 5000, .instances = 1 }, 0 },
        { { .messages = 100, .bytes = 100000, .bytes_max = 400000 }, 50 }, /* half of 400 messages, but for 100 */
        { { .messages = 390, .pending_max = 400 }, 10 },
        { { .messages = 400, .pending_max = 400 }, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        see(puppet, rows[i].seen); /* What was let in is not news any more after two looks. */
        see(puppet, rows[i].seen);
        assert_int_equal(let_in(puppet), rows[i].count);
    }
}

static void takes_what_was_removed_lately_for_there(void **state)
{
    struct puppet *puppet = watched(state, 10000);
    see(puppet, (struct seen){ .messages = 600, .removed = 10000 });
    see(puppet, (struct seen){ .messages = 600, .removed = 10120 });
    assert_int_equal(let_in(puppet), 15);
    for (uint32_t look = 0; look < 6; look++) {
        see(puppet, (struct seen){ .messages = 600, .removed = 10120 });
    }
    assert_int_equal(let_in(puppet), 15);
    see(puppet, (struct seen){ .messages = 600, .removed = 10120 }); /* Seven seconds ago. */
    see(puppet, (struct seen){ .messages = 600, .removed = 10120 });
    assert_int_equal(let_in(puppet), 75);
}

static void counts_anew_once_it_came_back(void **state)
{
    struct puppet *puppet = watched(state, 10000);
    see(puppet, (struct seen){ .messages = 600, .removed = 10000 });
    see(puppet, (struct seen){ .messages = 690, .removed = 9910 });
    assert_int_equal(let_in(puppet), 30);
    see(puppet, (struct seen){ .messages = 600, .removed = 10000 }); /* Settled again, and may come again. */
    see(puppet, (struct seen){ .messages = 600, .removed = 10000 });
    assert_int_equal(let_in(puppet), 30);
}

static void remembers_what_it_let_in_for_two_looks(void **state)
{
    struct puppet *puppet = watched(state, 0);
    see(puppet, (struct seen){ .messages = 700 });
    assert_int_equal(let_in(puppet), 25);
    see(puppet, (struct seen){ .messages = 700 }); /* They may have come after the look. */
    assert_int_equal(let_in(puppet), 0);
    see(puppet, (struct seen){ .messages = 725 });
    assert_int_equal(let_in(puppet), 12);
}

static void counts_on_half_until_it_knows_what_was_removed(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    see(puppet, (struct seen){ .messages = 325, .removed = 500 });
    assert_int_equal(let_in(puppet), 25);
    for (uint32_t look = 0; look < 7; look++) {
        see(puppet, (struct seen){ .messages = 350, .removed = 500 });
    }
    assert_int_equal(let_in(puppet), 100);
}

static void asks_nobody_where_nothing_is_dropped(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    see(puppet, (struct seen){ .messages = 1000, .pending_max = 10 });
    assert_int_equal(let_in(puppet), 0);
    puppet_fact(puppet, (struct input){ .kind = INPUT_STREAM, .epoch = puppet->epoch });
    assert_int_equal(let_in(puppet), 100);
}

static void looks_of_another_connection_are_old(void **state)
{
    struct puppet *puppet = *state;
    puppet_deploy(puppet, 1, (struct deployed){ 0 });
    see(puppet, (struct seen){ .messages = 1000 });
    puppet_fact(puppet, (struct input){ .kind = INPUT_STREAM, .epoch = puppet->epoch + 7 });
    assert_int_equal(let_in(puppet), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lets_in_its_share_of_what_is_left),
        TEST(takes_what_was_removed_lately_for_there),
        TEST(counts_anew_once_it_came_back),
        TEST(remembers_what_it_let_in_for_two_looks),
        TEST(counts_on_half_until_it_knows_what_was_removed),
        TEST(asks_nobody_where_nothing_is_dropped),
        TEST(looks_of_another_connection_are_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
