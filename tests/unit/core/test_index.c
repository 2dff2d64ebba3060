/* Lists and hash chains of rows, whose links are row numbers: both ends, the middle, one membership at a time, and
 * keys that fall into one bucket. */
#include "tests/unit/core/puppet.h"

#include "core/index.h"
#include "core/list.h"
#include "core/machine.h"

static void expect_list(struct core *core, const struct list *list, uint32_t count, const uint32_t *rows)
{
    uint32_t at = list->first, before = NOWHERE;
    assert_int_equal(list->count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(at, rows[i]);
        assert_int_equal(node_at(core, worker_node(core), at)->before, before);
        before = at;
        at = node_at(core, worker_node(core), at)->after;
    }
    assert_int_equal(at, NOWHERE);
    assert_int_equal(list->last, before);
}

static void links_at_both_ends_and_unlinks_anywhere(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    struct node_place place = worker_node(core);
    struct list list = LIST_EMPTY;
    expect_list(core, &list, 0, NULL);
    list_add_last(core, &list, place, 2);
    list_add_last(core, &list, place, 4);
    list_add_first(core, &list, place, 1);
    list_add_last(core, &list, place, 0);
    expect_list(core, &list, 4, (const uint32_t[]){ 1, 2, 4, 0 });
    list_remove(core, &list, place, 4); /* middle */
    expect_list(core, &list, 3, (const uint32_t[]){ 1, 2, 0 });
    list_remove(core, &list, place, 1); /* first */
    list_remove(core, &list, place, 0); /* last */
    expect_list(core, &list, 1, (const uint32_t[]){ 2 });
    list_remove(core, &list, place, 2);
    expect_list(core, &list, 0, NULL);
    list_add_first(core, &list, place, 3);
    expect_list(core, &list, 1, (const uint32_t[]){ 3 });
}

static void has_one_membership_a_node(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    struct node_place place = worker_node(core);
    struct list list = LIST_EMPTY, other = LIST_EMPTY;
    list_add_last(core, &list, place, 2);
    assert_panics(list_add_last(core, &list, place, 2));
    assert_panics(list_add_first(core, &other, place, 2));
    list_remove(core, &list, place, 2);
    assert_panics(list_remove(core, &list, place, 2));
}

static void add_delivery(struct core *core, uint32_t row, struct key key)
{
    delivery_at(core, row)->request = key;
    index_add_delivery(core, row);
}

/* Keys that differ only above the mask share a bucket. */
static struct key same_bucket(uint64_t number)
{
    return (struct key){ .hi = 0, .lo = number << 32 | 5 };
}

static void finds_keys_that_share_a_bucket(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    for (uint32_t row = 0; row < 8; row++) {
        add_delivery(core, row, same_bucket(row));
    }
    for (uint32_t row = 0; row < 8; row++) {
        assert_int_equal(index_find_delivery(core, same_bucket(row)), row);
    }
    assert_int_equal(index_find_delivery(core, same_bucket(8)), NOWHERE);
    static const uint32_t removed[] = { 7, 0, 3 }; /* the head of the chain, its end, its middle */
    for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++) {
        index_remove_delivery(core, removed[i]);
        assert_int_equal(index_find_delivery(core, same_bucket(removed[i])), NOWHERE);
    }
    for (uint32_t row = 0; row < 7; row++) {
        uint32_t expected = row == 0 || row == 3 ? NOWHERE : row;
        assert_int_equal(index_find_delivery(core, same_bucket(row)), expected);
    }
    assert_panics(index_remove_delivery(core, 3)); /* not in its chain any more */
}

static void walks_all_calls_of_one_id_newest_first(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    struct key key = { 1, 5 }, other = { 2, 5 };
    static const struct {
        uint32_t row;
        bool ours;
    } rows[] = { { 3, true }, { 1, false }, { 2, true }, { 0, false }, { 5, true } };
    static const uint32_t found[] = { 5, 2, 3 };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        call_at(core, rows[i].row)->request = rows[i].ours ? key : other;
        index_add_call(core, rows[i].row);
    }
    uint32_t at = NOWHERE;
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        at = index_next_call(core, key, at);
        assert_int_equal(at, found[i]);
    }
    assert_int_equal(index_next_call(core, key, at), NOWHERE);
    index_remove_call(core, 2);
    assert_int_equal(index_next_call(core, key, 5), 3);
}

static void tells_keys_apart_by_both_halves(void **state)
{
    struct core *core = ((struct puppet *)*state)->core;
    add_delivery(core, 0, (struct key){ 1, 2 });
    assert_int_equal(index_find_delivery(core, (struct key){ 1, 2 }), 0);
    assert_int_equal(index_find_delivery(core, (struct key){ 1, 3 }), NOWHERE);
    assert_int_equal(index_find_delivery(core, (struct key){ 0, 2 }), NOWHERE);
    assert_true(key_is_none((struct key){ 0, 0 }));
    assert_false(key_is_none((struct key){ 0, 1 }));
    assert_false(key_is_none((struct key){ 1, 0 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(links_at_both_ends_and_unlinks_anywhere), TEST(has_one_membership_a_node),
        TEST(finds_keys_that_share_a_bucket),          TEST(walks_all_calls_of_one_id_newest_first),
        TEST(tells_keys_apart_by_both_halves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
