/* Scripts: what is refused and why, what a pattern fits, what an expectation takes, and how a script is made small. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "conform/cast.h"
#include "conform/reduce.h"
#include "conform/script.h"
#include "conform/trace.h"

static bool read_text(const char *text, struct script *ret_script, char *ret_wrong, size_t size)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    rewind(file);
    bool good = script_read(file, "x.script", ret_script, ret_wrong, size);
    (void)fclose(file);
    return good;
}

static void what_is_no_script_is_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *because;
    } rows[] = {
        { "", "no operation" },
        { "# nothing\n", "no operation" },
        { "frolic W\n", "x.script:1: `frolic` is no operation" },
        { "state W\nadvance soon\n", "x.script:2: `advance` needs a duration" },
        { "advance 250\n", "duration" },
        { "stream\n", "needs 1 word" },
        { "pub w.x colour=red\n", "no option `colour`; it takes: id" },
        { "pub w.x last=none\n", "`last` needs a number" },
        { "ack a.1 sync=yes\n", "`sync` needs no value" },
        { "pull W c batch=1\n", "needs a name" },
        { "restart gently\n", "`kill9` or `term`" },
        { "remove W first\n", "needs a sequence" },
        { "not model\n", "why it does not apply" },
    };
    for (size_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++) {
        struct script script;
        char wrong[400] = "";
        assert_false(read_text(rows[at].text, &script, wrong, sizeof(wrong)));
        if (strstr(wrong, rows[at].because) == NULL) {
            fail_msg("\"%s\" is refused with \"%s\", which does not say \"%s\"", rows[at].text, wrong,
                     rows[at].because);
        }
    }
}

static void a_script_is_read_written_and_copied(void **state)
{
    (void)state;
    struct script script, copy;
    char wrong[400] = "";
    const char *text =
        "title T\nnot cluster they are three\nstream W subjects=w.* # so\n\npub w.x id=r1 expect seq=1\n";
    assert_true(read_text(text, &script, wrong, sizeof(wrong)));
    assert_int_equal(script.count, 2);
    assert_int_equal(script.lines[1].number, 5);
    assert_string_equal(line_text(&script.lines[1], OPTION_id), "r1");
    assert_string_equal(script.lines[1].expect, "seq=1");
    assert_string_equal(script_not_for(&script, "cluster-2.9"), "they are three");
    assert_null(script_not_for(&script, "2.9"));
    assert_true(script_copy(&script, &copy));
    script_cut(&copy, 0, 1);
    assert_int_equal(copy.count, 1);
    assert_string_equal(copy.lines[0].text, "pub w.x id=r1 expect seq=1");
    script_free(&copy);
    script_free(&script);
}

static void subjects_fit_patterns(void **state)
{
    (void)state;
    assert_true(subject_fits("w.*", "w.x"));
    assert_true(subject_fits("v.x,w.>", "w.x.y"));
    assert_true(subject_fits("w.x", "w.x"));
    assert_false(subject_fits("w.*", "w.x.y"));
    assert_false(subject_fits("w.*", "w"));
    assert_false(subject_fits("w.x", "w.xy"));
}

static const char *unmet(const char *expectation, const struct item *line, const struct item *event, char why[200])
{
    static char text[SCRIPT_TEXT_MAX];
    struct script script = { .count = 0 };
    struct trace trace = { .count = 0 };
    char wrong[80];
    (void)snprintf(text, sizeof(text), "pub w.x expect %s", expectation);
    assert_true(script_add(&script, text, 1, wrong, sizeof(wrong)));
    (void)trace_name(&trace, "a");
    *trace_add(&trace, ITEM_LINE, line->at_ns) = *line;
    if (event != NULL) {
        *trace_add(&trace, event->kind, event->at_ns) = *event;
    }
    const char *met = expectation_unmet(&script, &trace, 0, why, 200);
    trace_free(&trace);
    script_free(&script);
    return met;
}

static void expectations_take_what_they_say(void **state)
{
    (void)state;
    struct item line = { .kind = ITEM_LINE,
                         .answer = { .numbers = { 3, NUMBER_ANY, NUMBER_ANY, NUMBER_ANY, NUMBER_ANY, 0 } } };
    struct item event = { .kind = ITEM_DELIVERY, .at_ns = 400 * MILLISECOND, .sequence = 2, .delivered = 1 };
    char why[200];
    static const char *const met[] = { "ok",      "seq=3",       "seq=2|3 dup=no",          "seq=4 or ok",   "a:2/1",
                                       "a:*/1|2", "seq=3 a:2/1", "a:2/1 within 300..500ms", "quiet or a:2/1" };
    static const char *const not_met[] = { "err",         "seq=4", "dup=yes", "a:2/2",
                                           "a:2/1 a:3/1", "quiet", "a!408",   "a:2/1 within 500..900ms",
                                           "none" };
    for (size_t at = 0; at < sizeof(met) / sizeof(met[0]); at++) {
        assert_null(unmet(met[at], &line, &event, why));
    }
    for (size_t at = 0; at < sizeof(not_met) / sizeof(not_met[0]); at++) {
        assert_non_null(unmet(not_met[at], &line, &event, why));
    }
}

static bool needs_two(void *owner, const struct script *scripts, uint32_t count, bool *ret_fails)
{
    (void)owner;
    for (uint32_t at = 0; at < count; at++) {
        bool pub = false, drop = false;
        for (uint32_t line = 0; line < scripts[at].count; line++) {
            pub = pub || strcmp(scripts[at].lines[line].text, "pub w.7") == 0;
            drop = drop || strcmp(scripts[at].lines[line].text, "drop W") == 0;
        }
        ret_fails[at] = pub && drop;
    }
    return true;
}

static void a_script_is_made_small(void **state)
{
    (void)state;
    struct script script = { .count = 0 };
    struct reduce_options options = { .rounds_max = 100, .fail = needs_two };
    char text[40], wrong[80];
    for (uint32_t at = 0; at < 40; at++) {
        (void)snprintf(text, sizeof(text), at == 30 ? "drop W" : "pub w.%u", at);
        assert_true(script_add(&script, text, at + 1, wrong, sizeof(wrong)));
    }
    assert_true(reduce(&script, &options) < 100);
    assert_int_equal(script.count, 2);
    assert_string_equal(script.lines[0].text, "pub w.7");
    assert_string_equal(script.lines[1].text, "drop W");
    script_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_script_is_refused_by_line),
        cmocka_unit_test(a_script_is_read_written_and_copied),
        cmocka_unit_test(subjects_fit_patterns),
        cmocka_unit_test(expectations_take_what_they_say),
        cmocka_unit_test(a_script_is_made_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
