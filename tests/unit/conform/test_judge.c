/* The judge: it explains whatever the model does, and nothing that the model does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "conform/judge.h"
#include "conform/model.h"
#include "conform/random.h"

static void played(uint64_t seed, enum jet_profile profile, struct script *ret_script, struct cast *cast,
                   struct trace *ret_trace)
{
    struct random_options options = { .profile = profile };
    char why[200];
    assert_true(random_script(seed, &options, ret_script));
    assert_null(cast_make(ret_script, profile, cast, why, sizeof(why)));
    assert_true(model_play(ret_script, cast, seed, 0, ret_trace));
}

static bool explained(const struct script *script, const struct cast *cast, struct trace *trace)
{
    struct judge_options options = { .late_ns = 0 };
    struct judge_report report;
    assert_true(judge(script, cast, trace, &options, &report));
    return report.allowed;
}

static void what_the_model_does_is_explained(void **state)
{
    (void)state;
    static struct cast cast;
    for (uint64_t seed = 150; seed < 350; seed++) {
        struct script script;
        struct trace trace;
        played(seed, seed % 2 == 0 ? JET_2_9 : JET_2_10, &script, &cast, &trace);
        assert_true(explained(&script, &cast, &trace));
        trace_free(&trace);
        script_free(&script);
    }
}

/* One thing changed in each trace: a delivery counts more, or (not at the end, where it may be on its way) is
 * missing, or an answer has another number. */
static uint32_t spoil(struct trace *trace, uint32_t how)
{
    for (uint32_t at = 0; at < trace->count; at++) {
        struct item *item = &trace->items[at];
        if (how == 0 && item->kind == ITEM_DELIVERY) {
            item->delivered += 7;
            return 1;
        }
        bool early = item->at_ns + 500 * MILLISECOND < trace->end_ns;
        if (how == 1 && item->kind == ITEM_DELIVERY && early) {
            memmove(item, item + 1, (trace->count - at - 1) * sizeof(*item));
            trace->count--;
            return 1;
        }
        if (how == 2 && item->kind == ITEM_LINE && item->answer.numbers[ANSWER_SEQUENCE] < 1000) {
            item->answer.numbers[ANSWER_SEQUENCE] += 7;
            return 1;
        }
    }
    return 0;
}

static void what_it_never_does_is_not(void **state)
{
    (void)state;
    static struct cast cast;
    uint32_t spoilt = 0, believed = 0;
    for (uint64_t seed = 1; seed <= 120; seed++) {
        struct script script;
        struct trace trace;
        played(seed, JET_2_10, &script, &cast, &trace);
        if (spoil(&trace, (uint32_t)(seed % 3)) != 0) {
            spoilt++;
            believed += explained(&script, &cast, &trace);
        }
        trace_free(&trace);
        script_free(&script);
    }
    assert_true(spoilt > 80);
    assert_int_equal(believed, 0); /* not one */
}

/* A delivery that is a second late, and all that follows it. */
static bool delay_one(struct trace *trace, uint64_t gap_ns)
{
    bool found = false;
    for (uint32_t at = 0; at < trace->count; at++) {
        struct item *item = &trace->items[at];
        if (!found && item->kind == ITEM_DELIVERY && item->sequence == 1) {
            found = true;
            item->gap_ns = gap_ns;
        }
        item->at_ns += found ? 1000 * MILLISECOND : 0;
        item->until_ns += found ? 1000 * MILLISECOND : 0;
    }
    trace->end_ns += 1000 * MILLISECOND;
    return found;
}

static void what_nobody_looked_for_is_not_late(void **state)
{
    (void)state;
    static struct cast cast;
    static const char *const lines[] = { "stream W subjects=w.* retention=workqueue", "consumer W c filter=w.x",
                                         "pub w.x", "pull W c as=a expires=5s", "advance 100ms" };
    for (uint32_t looked = 0; looked < 2; looked++) {
        struct script script = { .count = 0 };
        struct trace trace;
        char why[200];
        for (uint32_t at = 0; at < sizeof(lines) / sizeof(lines[0]); at++) {
            assert_true(script_add(&script, lines[at], at + 1, why, sizeof(why)));
        }
        assert_null(cast_make(&script, JET_2_10, &cast, why, sizeof(why)));
        assert_true(model_play(&script, &cast, 1, 0, &trace));
        assert_true(delay_one(&trace, looked != 0 ? 0 : 1000 * MILLISECOND));
        assert_int_equal(explained(&script, &cast, &trace), looked == 0);
        trace_free(&trace);
        script_free(&script);
    }
}

static void a_cluster_is_neither_killed_nor_deafened(void **state)
{
    (void)state;
    struct random_options options = { .profile = JET_2_9, .cluster = true };
    uint32_t removals = 0;
    for (uint64_t seed = 3 * RANDOM_GROUP; seed < 5 * RANDOM_GROUP; seed++) {
        struct script script;
        uint64_t published = 0;
        assert_true(random_script(seed, &options, &script));
        for (uint32_t at = 0; at < script.count; at++) {
            const struct script_line *line = &script.lines[at];
            bool removes = line->operation == OPERATION_REMOVE;
            published += line->operation == OPERATION_PUB && line->words[0][0] == 'w';
            removals += removes;
            assert_int_not_equal(line->operation, OPERATION_RESTART);
            assert_true(!removes || strtoull(line->words[1], NULL, 10) <= published);
        }
        script_free(&script);
    }
    assert_true(removals > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_model_does_is_explained),
        cmocka_unit_test(what_it_never_does_is_not),
        cmocka_unit_test(what_nobody_looked_for_is_not_late),
        cmocka_unit_test(a_cluster_is_neither_killed_nor_deafened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
