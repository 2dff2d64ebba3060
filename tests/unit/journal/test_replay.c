/* A core steps, its inputs are recorded as the service records them, and the replay must come to the same; then
 * the record lies, or is another's. */
#include "adapters/journal/journal.h"
#include "core/core.h"
#include "serve/recorder.h"
#include "serve/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_BYTES = 1 << 20, FILES = 3, STEPS = 30000 };

static char root[64], folder[96], error[1400];
static const struct limits limits = { 64, 64, 4, 8, 16 };
static struct replay_report report;
static uint32_t lines;
static char last_line[2048];

static int setup(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/stead-replay-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/journal", root);
    lines = 0;
    return 0;
}

static int teardown(void **state)
{
    char path[160];
    (void)state;
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%03d", folder, i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/lock", folder);
    unlink(path);
    rmdir(folder);
    rmdir(root);
    return 0;
}

/* What lies about the recorded run. */
struct lie {
    uint64_t wrong_check; /* of this record */
    uint64_t wrong_input; /* this one has another budget than the core saw */
    uint32_t behaviour;
    const char *build;
};

static struct journal *create(const struct settings *settings, const struct lie *lie)
{
    struct recorder_setup set = { limits, sizeof(struct input), *settings };
    struct journal_options options = { .folder = folder,
                                       .file_bytes = FILE_BYTES,
                                       .files = FILES,
                                       .behaviour = CORE_BEHAVIOUR + lie->behaviour,
                                       .body_bytes = sizeof(struct input),
                                       .snapshot_bytes = core_size(&limits),
                                       .build = lie->build == NULL ? recorder_build() : lie->build,
                                       .instance = "a1",
                                       .setup = &set,
                                       .setup_bytes = sizeof set };
    struct journal *journal = journal_create(&options, error, sizeof error);
    assert_non_null(journal);
    return journal;
}

/* Calls and cancels without end, and a broker that comes and goes. */
static struct input input_of(uint64_t step)
{
    struct input input = { .now_ns = step * 100000, .wall_ns = 5, .epoch = 1, .kind = INPUT_CALL };
    if (step == 1) {
        input.kind = INPUT_FUNCTION_SET;
        input.as.function.name = (struct key){ 1, 1 };
        input.as.function.version = (struct key){ 2, 2 };
        input.as.function.timeout_ns = 1000000000;
        input.as.function.concurrency = input.as.function.workers_max = 1;
    } else if (step % 500 == 2) {
        input.kind = INPUT_LINK_UP;
        input.epoch = (uint32_t)(step / 500 + 1);
    } else if (step % 3 == 0) {
        input.kind = INPUT_TICK;
    } else {
        input.blob = (struct blob){ (uint32_t)(step % 1000 + 1), 10 };
        input.as.call.request = (struct key){ step, step };
        input.as.call.function = (struct key){ 1, 1 };
        input.as.call.budget_ns = 5000000;
        input.as.call.reference = step;
    }
    return input;
}

/* Records as serve/recorder.c does. Returns the hash at the end. */
static uint64_t record(uint64_t steps, const struct lie *lie)
{
    struct settings settings = { .ack_wait_ns = 1000000000,
                                 .publish_timeout_ns = 3000000,
                                 .call_budget_ns_max = 9000000,
                                 .silence_ns_max = 1000000000,
                                 .retry_ns_base = 1000,
                                 .retry_ns_max = 10000 };
    void *memory = aligned_alloc(16, (core_size(&limits) + 15) & ~UINT64_C(15));
    struct core *core = core_init(memory, &limits, &settings, 42);
    struct effects *effects = calloc(1, sizeof *effects);
    struct journal *journal = create(&settings, lie);
    for (uint64_t step = 1; step <= steps; step++) {
        struct input input = input_of(step);
        bool hashed = step % RECORDER_HASH_STEPS == 0;
        if (journal_full(journal)) {
            core_copy(journal_turn(journal, core_hash(core)), core);
            journal_begin(journal, step, core_hash(core));
        }
        uint64_t check = hashed ? core_hash(core) : recorder_digest(effects);
        journal_write(journal, hashed ? RECORDER_HASHED : RECORDER_PLAIN, check ^ (step == lie->wrong_check), &input);
        if (step == lie->wrong_input) {
            input.as.call.budget_ns /= 2;
            input.as.call.reference++;
        }
        core_step(core, &input, effects);
    }
    uint64_t hash = core_hash(core);
    journal_close(journal, hash);
    free(effects);
    free(memory);
    return hash;
}

static void on_line(void *owner, const char *line)
{
    (void)owner;
    lines++;
    snprintf(last_line, sizeof last_line, "%s", line);
}

static void replay(uint64_t to, bool any_build)
{
    struct replay_options options = { .path = folder, .to = to, .any_build = any_build, .story = on_line };
    replay_run(&options, &report);
}

static void test_same_states_and_effects(void **state)
{
    static const struct lie none;
    (void)state;
    uint64_t hash = record(STEPS, &none);
    replay(0, false);
    assert_string_equal(report.fault, "");
    assert_int_equal(report.end, REPLAY_SAME);
    assert_true(report.state == hash);
    assert_int_equal(report.last, STEPS);
    assert_int_equal(report.files, FILES); /* the ring went round: the first steps are lost */
    assert_true(report.first > 1);
    assert_true(report.sealed);
    assert_string_equal(report.instance, "a1");
    assert_in_range(report.hashes, (STEPS - report.first) / RECORDER_HASH_STEPS, STEPS / RECORDER_HASH_STEPS);
    assert_in_range(report.effects + report.hashes, STEPS - report.first, STEPS - report.first + 1);
    assert_true(lines > REPLAY_STORY_STEPS);
    assert_non_null(strstr(last_line, "after 30000: "));
}

static void test_replay_up_to_a_step(void **state)
{
    static const struct lie none;
    (void)state;
    record(3000, &none);
    replay(2500, false);
    assert_int_equal(report.end, REPLAY_SAME);
    assert_true(report.reached);
    assert_int_equal(report.last, 2500);
    assert_non_null(strstr(last_line, "after 2500: "));
    uint64_t there = report.state;
    replay(2500, false);
    assert_true(report.state == there);
    replay(2499, false);
    assert_true(report.state != there);
}

static void test_first_difference_is_named(void **state)
{
    static const struct lie effects = { .wrong_check = 1500 }, hash = { .wrong_check = 2048 },
                            input = { .wrong_input = 1501 };
    (void)state;
    record(3000, &effects);
    replay(0, false);
    assert_int_equal(report.end, REPLAY_DIFFERENT);
    assert_string_equal(report.difference.what, "effects");
    assert_int_equal(report.difference.step, 1499);
    assert_true(report.difference.expected == (report.difference.actual ^ 1));
    assert_int_equal(strncmp(report.input, "CALL execute", 4), 0);
    record(3000, &hash);
    replay(0, false);
    assert_int_equal(report.end, REPLAY_DIFFERENT);
    assert_string_equal(report.difference.what, "state");
    assert_int_equal(report.difference.step, 2048);
    record(3000, &input);
    replay(0, false);
    assert_int_equal(report.end, REPLAY_DIFFERENT);
    assert_int_equal(report.difference.step, 1501);
}

static void test_others_are_refused(void **state)
{
    static const struct lie behaviour = { .behaviour = 1 }, build = { .build = "0123456789abcdef" };
    (void)state;
    record(10, &behaviour);
    replay(0, true);
    assert_int_equal(report.end, REPLAY_REFUSED);
    assert_non_null(strstr(report.fault, "another behaviour version"));
    record(10, &build);
    replay(0, false);
    assert_int_equal(report.end, REPLAY_REFUSED);
    assert_non_null(strstr(report.fault, "recorded by core 0123456789abcdef"));
    replay(0, true);
    assert_int_equal(report.end, REPLAY_SAME);
    assert_int_equal(report.last, 10);
    assert_int_equal(report.runs_before, 1);
}

static void test_nothing_there(void **state)
{
    (void)state;
    replay(0, false);
    assert_int_equal(report.end, REPLAY_REFUSED);
    assert_non_null(strstr(report.fault, "No such file"));
    struct replay_options options = { .path = root };
    replay_run(&options, &report);
    assert_int_equal(report.end, REPLAY_REFUSED);
    assert_non_null(strstr(report.fault, "no journal there"));
}

_Noreturn void stead_panic(const char *file, int line, const char *condition);

_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    replay_panicked(file, line, condition);
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    abort();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_states_and_effects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replay_up_to_a_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_first_difference_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
