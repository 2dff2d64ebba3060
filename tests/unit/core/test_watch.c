/* When the watchdog looks at a consumer and when it has the connection renewed, as a table: an hour of a function that
 * has mail by the broker's numbers and is given none, told second by second. A turn of it is 32 s (a pull and its
 * slack), or 12 s where the sweeper visits. */
#include "tests/unit/core/puppet.h"

#include "core/machine.h"

#include <stdio.h>
#include <string.h>

enum { STORY_SIZE = 128 };

struct scene {
    const char *what;
    uint32_t waiting, ack_pending;                                      /* what a look finds */
    uint32_t no_mail_at, in_hand, full_until, delivered_at, link_up_at; /* seconds; in_hand: how many */
    uint32_t looked_every; /* seconds: its pulls' ends are lost, and the pump has the consumer looked at each time */
    bool visited;          /* by the sweeper: it is not taken from here */
    const char *told; /* L: looked after so many seconds, C: cut the connection; the beginning, unless it says "end" */
};

static struct function *arrange(struct core *core, const struct scene *scene)
{
    struct function *function = function_at(core, 0);
    core->now_ns += SECOND;
    core->up_ns = function->moved_ns = core->now_ns;
    core->full_until_ns = scene->full_until == 0 ? 0 : core->now_ns + scene->full_until * SECOND;
    function->messages = 3;
    function->in_hand = scene->in_hand;
    if (scene->visited) {
        function->row.state = FUNCTION_ELSEWHERE;
        function->serving = false;
        function->takers = 0;
        function->current.timeout_ns = 0;
        core->lease.revision = 7;
        core->lease.until_ns = CORE_NEVER;
    }
    return function;
}

/* What the world does at that second. */
static void happen(struct core *core, struct function *function, const struct scene *scene, uint64_t second)
{
    function->told_ns = core->now_ns;
    function->messages = scene->no_mail_at != 0 && second >= scene->no_mail_at ? 0 : 3;
    if (scene->delivered_at != 0 && second == scene->delivered_at) {
        watch_delivered(core, function);
    }
    if (scene->looked_every != 0 && second % scene->looked_every == 0 && scene->waiting == 0) {
        watch_held(core, function, scene->ack_pending);
    }
    if (scene->link_up_at != 0 && second == scene->link_up_at) {
        core->up_ns = core->now_ns;
    }
}

static void note(char story[STORY_SIZE], char what, uint64_t second)
{
    size_t length = strlen(story);
    snprintf(story + length, STORY_SIZE - length, "%s%c%d", length == 0 ? "" : " ", what, (int)second);
}

static void play(struct core *core, const struct scene *scene, char story[STORY_SIZE])
{
    struct function *function = arrange(core, scene);
    for (uint64_t second = 1; second <= 3600 && strlen(story) + 8 < STORY_SIZE; second++) {
        struct effects effects = { .count = 0 };
        core->out = &effects;
        core->now_ns += SECOND;
        happen(core, function, scene, second);
        uint64_t due_ns = watch_attend(core, 0);
        assert_true(due_ns > core->now_ns);
        for (uint32_t i = 0; i < effects.count; i++) {
            if (effects.list[i].kind == EFFECT_DISCONNECT) {
                assert_int_equal(effects.list[i].count, DISCONNECT_STALLED);
                note(story, 'C', second);
                core->up_ns = core->now_ns;
                continue;
            }
            assert_int_equal(effects.list[i].kind, EFFECT_ENSURE_CONSUMER);
            note(story, 'L', second);
            function->consumer_operation = 0;
            if (scene->waiting == 0) {
                watch_held(core, function, scene->ack_pending);
            }
        }
        core->out = NULL;
    }
    size_t length = strlen(story);
    if (length + 8 < STORY_SIZE) {
        snprintf(story + length, STORY_SIZE - length, " end");
    }
}

static void renews_a_connection_that_gives_nothing(void **state)
{
    static const struct scene scenes[] = {
        { .what = "mail waits", .waiting = 3, .told = "L64 C128 L256 C384 L640 C896 L1408 C1920 L2432 C2944 L3456" },
        { .what = "the broker forgot who holds it", .ack_pending = 3, .told = "L64 C159 L287 C446 L702" },
        { .what = "the same, of lost pulls", .ack_pending = 3, .looked_every = 5, .told = "L64 C159 L287 C446 L702" },
        { .what = "a new consumer will have it", .told = "L64 L128 L192 L256" },
        { .what = "no mail any more", .waiting = 3, .no_mail_at = 100, .told = "L64 end" },
        { .what = "some of it is in hand", .waiting = 3, .in_hand = 1, .told = " end" },
        { .what = "results have no room", .waiting = 3, .full_until = 100, .told = "L163 C227 L355" },
        { .what = "one came", .waiting = 3, .delivered_at = 200, .told = "L64 C128 L264 C328 L456" },
        { .what = "another connection", .waiting = 3, .link_up_at = 50, .told = "L114 C178 L306" },
        { .what = "the sweeper gets none", .waiting = 3, .visited = true, .told = "L24 C48 L96 C144 L240 C336 L528" },
        { .what = "the sweeper, and others hold it", .ack_pending = 1, .visited = true, .told = "L24 C78 L126" },
    };
    for (size_t i = 0; i < sizeof scenes / sizeof scenes[0]; i++) {
        struct settings settings = puppet_settings;
        settings.lease_ns = 30 * SECOND;
        settings.sweep_ns = 10 * SECOND;
        struct puppet *puppet = puppet_new(NULL, &settings);
        char story[STORY_SIZE] = "";
        puppet_link_up(puppet);
        puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 1 });
        play(puppet->core, &scenes[i], story);
        if (strncmp(story, scenes[i].told, strlen(scenes[i].told)) != 0) {
            fail_msg("%s: %s, not %s", scenes[i].what, story, scenes[i].told);
        }
        puppet_free(puppet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(renews_a_connection_that_gives_nothing) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
