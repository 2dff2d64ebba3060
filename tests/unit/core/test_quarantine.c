/* Which crashes put a function into quarantine, as a table: C is a crash while request 1 ran, D while request 2 ran,
 * A an answer, w a wait of a quarter of the window. */
#include "tests/unit/core/puppet.h"

#include "core/machine.h"

#define WINDOW (60 * SECOND)

static struct settings settings_of(uint64_t crashes)
{
    struct settings settings = puppet_settings;
    settings.quarantine_crashes = crashes;
    settings.quarantine_window_ns = WINDOW;
    settings.quarantine_ns_base = 10 * SECOND;
    settings.quarantine_ns_max = 25 * SECOND;
    return settings;
}

/* How long the quarantine lasts that the last event began; 0: it began none. */
static uint64_t play(struct puppet *puppet, const char *story)
{
    struct core *core = puppet->core;
    uint64_t lasts_ns = 0;
    for (const char *at = story; *at != '\0'; at++) {
        struct effects effects = { .count = 0 };
        core->out = &effects;
        if (*at == 'w') {
            core->now_ns += WINDOW / 4;
        } else if (*at == 'A') {
            quarantine_answered(core, 0);
        } else {
            quarantine_crashed(core, 0, puppet_request(*at == 'C' ? 1 : 2), CAUSE_CRASH);
        }
        quarantine_attend(core, 0);
        core->out = NULL;
        bool begins = effects.count > 0 && effects.list[0].kind == EFFECT_QUARANTINE && effects.list[0].count == 1;
        lasts_ns = begins ? effects.list[0].amount : 0;
    }
    return lasts_ns;
}

static void counts_crashes_in_a_row_of_several_requests(void **state)
{
    static const struct {
        const char *story;
        uint64_t crashes, lasts_ns;
    } cases[] = {
        { "CCCCCCCCCC", 3, 0 },         /* one request, however often */
        { "CD", 3, 0 },                 /* too few */
        { "CCD", 3, 10 * SECOND },      /* as many as it takes */
        { "CCAD", 3, 0 },               /* an answer ends the row */
        { "CACDADCAC", 3, 0 },          /* and again */
        { "CwwwwwCD", 3, 0 },           /* the first is too long ago */
        { "CwwCD", 3, 10 * SECOND },    /* this one not yet */
        { "CDCDCDCDCD", 0, 0 },         /* never */
        { "CCDwC", 3, 20 * SECOND },    /* on probation one is enough, for twice as long */
        { "CCDwCwwC", 3, 25 * SECOND }, /* and no longer than the longest */
        { "CCDwAC", 3, 0 },             /* an answer on probation clears it */
        { "CCDwACCD", 3, 10 * SECOND }, /* and all that was before */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings settings = settings_of(cases[i].crashes);
        struct puppet *puppet = puppet_new(NULL, &settings);
        puppet_link_up(puppet);
        puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
        uint64_t lasts_ns = play(puppet, cases[i].story);
        if (lasts_ns != cases[i].lasts_ns) {
            fail_msg("%s: %d ms, not %d", cases[i].story, (int)(lasts_ns / MS), (int)(cases[i].lasts_ns / MS));
        }
        puppet_free(puppet);
    }
}

static void lets_go_when_asked(void **state)
{
    struct settings settings = settings_of(2);
    struct puppet *puppet = puppet_new(NULL, &settings);
    puppet_link_up(puppet);
    puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
    assert_int_equal(play(puppet, "CD"), 10 * SECOND);
    assert_true(quarantine_holds(function_at(puppet->core, 0)));
    struct input input = { .kind = INPUT_RELEASE };
    input.as.function.name = function_at(puppet->core, 0)->name;
    puppet_fact(puppet, input);
    assert_false(quarantine_holds(function_at(puppet->core, 0)));
    assert_int_equal(play(puppet, "C"), 0); /* not on probation */
    puppet_free(puppet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_crashes_in_a_row_of_several_requests),
        cmocka_unit_test(lets_go_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
