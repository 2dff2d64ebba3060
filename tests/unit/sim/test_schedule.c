/* Schedules: a seed and its own schedule are one run, in memory and through a file; a file that is none, or was
 * damaged, is refused by line; what breaks nothing is not shrunk. tests/sim/shrink has the failing runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "sim/schedule.h"
#include "sim/shrink.h"
#include "sim/sim.h"

static void written_and_read(const struct schedule *schedule, struct schedule *ret_read)
{
    char wrong[128] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(schedule_write(schedule, file));
    rewind(file);
    bool good = schedule_read(file, ret_read, wrong, sizeof(wrong));
    assert_string_equal(wrong, "");
    assert_true(good);
    (void)fclose(file);
}

static void a_seed_and_its_schedule_are_one_run(void **state)
{
    (void)state;
    uint32_t entries = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct schedule recorded = { 0 }, again = { 0 }, read;
        struct sim_report plain, told, followed;
        struct sim_options options = { .seed = seed, .steps = 4000 };
        assert_true(sim_run(&options, &plain));
        options.record = &recorded;
        assert_true(sim_run(&options, &told));
        assert_true(plain.hash == told.hash); /* to record moves nothing */
        written_and_read(&recorded, &read);
        struct sim_options follow = { .schedule = &read, .record = &again };
        assert_true(sim_run(&follow, &followed));
        assert_true(followed.hash == plain.hash);
        assert_true(followed.steps == plain.steps);
        assert_int_equal(again.count, recorded.count);
        entries += recorded.count;
        schedule_free(&recorded);
        schedule_free(&again);
        schedule_free(&read);
    }
    assert_true(entries > 1000);
}

static void an_empty_schedule_is_a_quiet_world(void **state)
{
    (void)state;
    struct schedule empty = { .seed = 1, .steps = 1000, .heal_ns = 2000000000 };
    struct sim_options options = { .schedule = &empty };
    struct sim_report report;
    assert_true(sim_run(&options, &report));
    assert_string_equal(report.violation.id, "");
    assert_int_equal(report.requests, 0);
    assert_int_equal(report.nodes, 1);
}

static void read_is_refused(const char *text, const char *because)
{
    struct schedule schedule = { .seed = 77 };
    char wrong[128] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    rewind(file);
    assert_false(schedule_read(file, &schedule, wrong, sizeof(wrong)));
    if (strstr(wrong, because) == NULL) {
        fail_msg("\"%s\" is refused with \"%s\", which does not say \"%s\"", text, wrong, because);
    }
    assert_true(schedule.seed == 77);
    (void)fclose(file);
}

static void what_is_no_schedule_is_refused_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *because;
    } rows[] = {
        { "", "empty" },
        { "seed 1\n", "line 1" },
        { "stead-schedule 2\n", "another version" },
        { "stead-schedule 1\nseed 1\n", "steps" },
        { "stead-schedule 1\nsteps x\n", "line 2 needs a number" },
        { "stead-schedule 1\nsteps -1\n", "line 2 needs a number" },
        { "stead-schedule 1\nsteps 18446744073709551616\n", "line 2 needs a number" },
        { "stead-schedule 1\nmutant 4294967296\n", "line 2 needs a number" },
        { "stead-schedule 1\nsteps 999999999999\n", "100000000" },
        { "stead-schedule 1\nsteps 10\nfrolic\n", "line 3 is none of" },
        { "stead-schedule 1\nsteps 10\nset\n", "line 3 names" },
        { "stead-schedule 1\nsteps 10\nset moons value=2\n", "line 3 names" },
        { "stead-schedule 1\nsteps 10\nfault METEOR at=2\n", "line 3 names" },
        { "stead-schedule 1\nsteps 10\nfault LINK_CUT at\n", "without `=`" },
        { "stead-schedule 1\nsteps 10\nfault LINK_CUT moon=3\n", "unknown key" },
        { "stead-schedule 1\nsteps 10\nfault LINK_CUT at=soon\n", "no number" },
        { "stead-schedule 1\nsteps 10\ncall execute request=517\n", "beyond" },
    };
    for (uint32_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++) {
        read_is_refused(rows[at].text, rows[at].because);
    }
}

/* Numbers beyond what a world can hold are brought within; the run is one like any other. */
static void wild_numbers_make_a_world_nevertheless(void **state)
{
    (void)state;
    for (uint32_t number = 0; number < world_numbers(); number++) {
        struct schedule wild = { .seed = number, .steps = 500, .heal_ns = 3000000000 };
        struct entry entry = { .kind = ENTRY_SET, .what = (uint8_t)number, .number = { UINT64_MAX / 2 } };
        struct entry call = { .kind = ENTRY_CALL, .number = { 1000000000, 7, UINT64_MAX } };
        struct sim_options options = { .schedule = &wild };
        struct sim_report report;
        assert_true(schedule_add(&wild, &entry));
        assert_true(schedule_add(&wild, &call));
        assert_true(sim_run(&options, &report));
        assert_true(report.nodes >= 1);
        assert_int_equal(report.calls, 1);
        schedule_free(&wild);
    }
}

static void what_breaks_nothing_is_not_shrunk(void **state)
{
    (void)state;
    struct schedule recorded = { 0 };
    struct sim_options options = { .seed = 5, .steps = 1000, .record = &recorded };
    struct sim_report run;
    struct shrink_options how = { 0 };
    struct shrink_report report;
    assert_true(sim_run(&options, &run));
    uint32_t count = recorded.count;
    assert_int_equal(shrink(&recorded, &how, &report), SHRINK_CLEAN);
    assert_int_equal(recorded.count, count);
    schedule_free(&recorded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_and_its_schedule_are_one_run),
        cmocka_unit_test(an_empty_schedule_is_a_quiet_world),
        cmocka_unit_test(what_is_no_schedule_is_refused_by_line),
        cmocka_unit_test(wild_numbers_make_a_world_nevertheless),
        cmocka_unit_test(what_breaks_nothing_is_not_shrunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
