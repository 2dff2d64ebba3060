/* The judge: it explains whatever the model does, and nothing that the model does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_model_does_is_explained),
        cmocka_unit_test(what_it_never_does_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
