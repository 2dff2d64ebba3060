/* Rows and handles: a full table is an answer, a stale or strange handle finds nothing, and a generation comes
 * back as late as possible. */
#include "tests/unit/core/puppet.h"

#include "core/pool.h"

static uint32_t take(struct puppet *puppet)
{
    uint32_t index = pool_take(puppet->core, &puppet->core->calls);
    if (index != NOWHERE) {
        call_at(puppet->core, index)->row.state = CALL_PUBLISHING;
    }
    return index;
}

static void gives_every_row_once_and_says_when_it_is_full(void **state)
{
    struct puppet *puppet = *state;
    uint32_t rows = puppet_limits.calls_max;
    for (uint32_t i = 0; i < rows; i++) {
        assert_int_equal(take(puppet), i);
    }
    assert_int_equal(take(puppet), NOWHERE);
    assert_int_equal(puppet->core->calls.live, rows);
    pool_give(puppet->core, &puppet->core->calls, 5);
    assert_int_equal(take(puppet), 5);
    assert_int_equal(take(puppet), NOWHERE);
}

static void takes_the_row_that_was_free_longest(void **state)
{
    struct puppet *puppet = *state;
    uint32_t first = take(puppet), second = take(puppet);
    pool_give(puppet->core, &puppet->core->calls, second);
    pool_give(puppet->core, &puppet->core->calls, first);
    for (uint32_t i = 2; i < puppet_limits.calls_max; i++) {
        assert_int_equal(take(puppet), i);
    }
    assert_int_equal(take(puppet), second);
    assert_int_equal(take(puppet), first);
}

static void walks_over_the_taken_rows_alone(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    struct limits many = puppet_limits;
    many.calls_max = ROWS;
    struct puppet *puppet = puppet_new(&many, NULL);
    struct core *core = puppet->core;
    static const uint32_t kept[] = { 0, 1, 63, 64, 127, 130, ROWS - 1 };
    enum { KEPT = sizeof kept / sizeof kept[0] };
    assert_int_equal(pool_next_taken(core, &core->calls, 0), NOWHERE);
    while (take(puppet) != NOWHERE) {
    }
    for (uint32_t at = 0, next = 0; at < ROWS; at++) {
        if (next < KEPT && at == kept[next]) {
            next++;
        } else {
            pool_give(core, &core->calls, at);
        }
    }
    for (uint32_t at = 0, next = 0; at < ROWS; at++) {
        assert_int_equal(pool_next_taken(core, &core->calls, at), kept[next]);
        next += at == kept[next];
    }
    assert_int_equal(pool_next_taken(core, &core->calls, ROWS), NOWHERE);
    puppet_free(puppet);
}

/* A generation decides which handle is stale, so it is in the hash of a core, also that of a free row. */
static void hashes_the_generations_of_free_rows(void **state)
{
    struct puppet *puppet = *state;
    struct core *core = puppet->core;
    uint64_t before = core_hash(core), generations = core->calls.generations;
    pool_give(core, &core->calls, take(puppet));
    uint64_t once = core_hash(core);
    assert_true(once != before && core->calls.generations != generations);
    generations = core->calls.generations;
    for (uint32_t i = 0; i < puppet_limits.calls_max; i++) {
        pool_give(core, &core->calls, take(puppet));
    }
    assert_true(core_hash(core) != once && core->calls.generations != generations);
}

static void finds_a_row_by_its_own_handle_alone(void **state)
{
    struct puppet *puppet = *state;
    struct core *core = puppet->core;
    uint32_t index = take(puppet);
    struct handle handle = pool_handle(core, &core->calls, index);
    uint32_t generation = call_at(core, index)->row.generation;
    assert_int_equal(pool_find(core, &core->calls, handle), index);
    assert_int_equal(pool_find(core, &core->deliveries, handle), NOWHERE);
    const struct handle strangers[] = {
        { 0 },
        { UINT32_MAX },
        handle_make(TABLE_CALL, generation + 1, index),
        handle_make(TABLE_CALL, generation, index + 1),
        handle_make(TABLE_CALL, generation, puppet_limits.calls_max),
        handle_make(TABLE_CALL, generation, HANDLE_ROWS_MAX - 1),
        handle_make(TABLE_DELIVERY, generation, index),
        handle_make(TABLE_NONE, generation, index),
    };
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        assert_int_equal(pool_find(core, &core->calls, strangers[i]), NOWHERE);
    }
    pool_give(core, &core->calls, index);
    assert_int_equal(pool_find(core, &core->calls, handle), NOWHERE);
}

static void knows_a_stale_handle_through_all_generations(void **state)
{
    const struct limits one = { .calls_max = 1, .deliveries_max = 1, .functions_max = 1, .workers_max = 1, .slots = 1 };
    enum { GENERATIONS = (1 << HANDLE_GENERATION_BITS) - 1 };
    struct puppet *puppet = puppet_new(&one, NULL);
    struct core *core = puppet->core;
    struct handle first = pool_handle(core, &core->calls, take(puppet));
    for (int i = 1; i < GENERATIONS; i++) {
        pool_give(core, &core->calls, 0);
        assert_int_equal(take(puppet), 0);
        assert_int_equal(pool_find(core, &core->calls, first), NOWHERE);
        assert_true(call_at(core, 0)->row.generation != 0);
    }
    pool_give(core, &core->calls, 0);
    take(puppet);
    assert_int_equal(pool_find(core, &core->calls, first), 0); /* Known limit: 2,047 reuses of one row. */
    puppet_free(puppet);
}

static void packs_handles_without_loss(void **state)
{
    static const struct {
        enum table table;
        uint32_t generation, index;
    } cases[] = {
        { TABLE_CALL, 1, 0 },
        { TABLE_WORKER, 2047, HANDLE_ROWS_MAX - 1 },
        { TABLE_FUNCTION, 1024, 12345 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct handle handle = handle_make(cases[i].table, cases[i].generation, cases[i].index);
        assert_int_equal(handle_table(handle), cases[i].table);
        assert_int_equal(handle_index(handle), cases[i].index);
        assert_true(handle_equal(handle, operation_owner((uint64_t)handle.bits << 32 | 77)));
    }
}

static void asserts_what_only_a_bug_can_do(void **state)
{
    struct puppet *puppet = *state;
    assert_panics(pool_row(puppet->core, &puppet->core->calls, puppet_limits.calls_max));
    assert_panics(pool_handle(puppet->core, &puppet->core->calls, 3)); /* never taken: it has no generation */
    assert_panics(pool_give(puppet->core, &puppet->core->calls, 0));   /* nothing is taken */
}

static void refuses_limits_that_no_handle_can_name(void **state)
{
    for (int field = 0; field < 5; field++) {
        struct limits limits = puppet_limits;
        uint32_t *fields[] = { &limits.calls_max, &limits.deliveries_max, &limits.functions_max, &limits.workers_max,
                               &limits.slots };
        *fields[field] = 0;
        assert_int_equal(core_size(&limits), 0);
        *fields[field] = HANDLE_ROWS_MAX + 1;
        assert_int_equal(core_size(&limits), 0);
        *fields[field] = HANDLE_ROWS_MAX;
        assert_true(core_size(&limits) > 0);
    }
    _Alignas(16) char memory[32];
    struct limits none = { 0 };
    assert_panics(core_init(memory, &none, &puppet_settings, 1));
    assert_panics(core_init(memory + 1, &puppet_limits, &puppet_settings, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_every_row_once_and_says_when_it_is_full),
        TEST(takes_the_row_that_was_free_longest),
        TEST(walks_over_the_taken_rows_alone),
        TEST(hashes_the_generations_of_free_rows),
        TEST(finds_a_row_by_its_own_handle_alone),
        TEST(knows_a_stale_handle_through_all_generations),
        TEST(packs_handles_without_loss),
        TEST(asserts_what_only_a_bug_can_do),
        TEST(refuses_limits_that_no_handle_can_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
