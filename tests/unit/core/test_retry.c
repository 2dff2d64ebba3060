/* Back-off as a table: the ceiling per attempt up to saturation, and the bounds of each kind of jitter. */
#include "tests/unit/core/puppet.h"

#include "core/retry.h"

#define BASE (100 * MS)
#define MOST (30 * SECOND)

static struct backoff with(enum jitter jitter)
{
    return (struct backoff){ .ns_base = BASE, .ns_max = MOST, .jitter = jitter };
}

static void doubles_up_to_the_ceiling(void **state)
{
    static const struct {
        uint32_t attempts;
        uint64_t ceiling_ns;
    } cases[] = {
        { 1, BASE },          { 2, 2 * BASE },    { 3, 4 * BASE },      { 4, 8 * BASE }, { 8, 128 * BASE },
        { 9, 256 * BASE },    { 10, MOST },       { 64, MOST },         { 65, MOST },    { 1000, MOST },
        { UINT16_MAX, MOST }, { 1u << 31, MOST }, { UINT32_MAX, MOST },
    };
    struct backoff backoff = with(JITTER_NONE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(retry_ceiling_ns(&backoff, cases[i].attempts), cases[i].ceiling_ns);
        assert_int_equal(retry_delay_ns(&backoff, 1, (struct key){ 2, 3 }, cases[i].attempts), cases[i].ceiling_ns);
    }
    assert_panics(retry_ceiling_ns(&backoff, 0));
}

static void saturates_whatever_the_settings_are(void **state)
{
    static const struct {
        uint64_t base_ns, most_ns, ceiling_ns;
        uint32_t attempts;
    } cases[] = {
        { 1, UINT64_MAX, UINT64_C(1) << 63, 64 },
        { 1, UINT64_MAX, UINT64_MAX, 65 },
        { 1, UINT64_MAX, UINT64_MAX, UINT32_MAX },
        { UINT64_MAX, UINT64_MAX, UINT64_MAX, 2 },
        { 5, 3, 3, 1 },             /* a base over the most */
        { 0, MOST, 0, UINT32_MAX }, /* no delay at all, and no endless doubling of nothing */
        { BASE, 0, 0, 7 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct backoff backoff = { .ns_base = cases[i].base_ns, .ns_max = cases[i].most_ns };
        assert_int_equal(retry_ceiling_ns(&backoff, cases[i].attempts), cases[i].ceiling_ns);
    }
}

struct range {
    uint64_t least, most, sum;
};

static struct range delays(enum jitter jitter, uint32_t attempts)
{
    enum { DRAWS = 4096 };
    struct backoff backoff = with(jitter);
    struct range range = { .least = UINT64_MAX };
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t delay = retry_delay_ns(&backoff, 9, puppet_request((uint32_t)i), attempts);
        range.least = delay < range.least ? delay : range.least;
        range.most = delay > range.most ? delay : range.most;
        range.sum += delay / DRAWS;
    }
    return range;
}

static void keeps_to_the_bounds_of_its_jitter(void **state)
{
    static const struct {
        enum jitter jitter;
        uint32_t attempts;
        uint64_t least_ns, most_ns; /* inclusive, exclusive unless equal */
    } cases[] = {
        { JITTER_FULL, 1, 0, BASE },
        { JITTER_FULL, 5, 0, 16 * BASE },
        { JITTER_FULL, UINT32_MAX, 0, MOST },
        { JITTER_EQUAL, 1, BASE / 2, BASE },
        { JITTER_EQUAL, 5, 8 * BASE, 16 * BASE },
        { JITTER_EQUAL, UINT32_MAX, MOST / 2, MOST },
        { JITTER_DECORRELATED, 1, BASE, 3 * BASE },
        { JITTER_DECORRELATED, 2, BASE, 3 * BASE },
        { JITTER_DECORRELATED, 4, BASE, 12 * BASE },
        { JITTER_DECORRELATED, UINT32_MAX, BASE, MOST + 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct range range = delays(cases[i].jitter, cases[i].attempts);
        uint64_t width = cases[i].most_ns - cases[i].least_ns;
        assert_in_range(range.least, cases[i].least_ns, cases[i].least_ns + width / 50);
        assert_in_range(range.most, cases[i].most_ns - width / 50 - 1, cases[i].most_ns - 1);
        if (cases[i].jitter != JITTER_DECORRELATED) {
            assert_in_range(range.sum, cases[i].least_ns + width * 9 / 20, cases[i].least_ns + width * 11 / 20);
        }
    }
}

static void draws_the_same_delay_for_the_same_attempt(void **state)
{
    static const enum jitter kinds[] = { JITTER_FULL, JITTER_EQUAL, JITTER_DECORRELATED };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct backoff backoff = with(kinds[i]);
        struct key request = { 5, 6 }, other = { 5, 7 };
        uint64_t delay = retry_delay_ns(&backoff, 1, request, 3);
        assert_int_equal(retry_delay_ns(&backoff, 1, request, 3), delay);
        assert_int_not_equal(retry_delay_ns(&backoff, 2, request, 3), delay);
        assert_int_not_equal(retry_delay_ns(&backoff, 1, other, 3), delay);
        assert_int_not_equal(retry_delay_ns(&backoff, 1, request, 4), delay);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_the_ceiling),
        cmocka_unit_test(saturates_whatever_the_settings_are),
        cmocka_unit_test(keeps_to_the_bounds_of_its_jitter),
        cmocka_unit_test(draws_the_same_delay_for_the_same_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
