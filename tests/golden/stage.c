/* Actors, names and time. Every core starts at the same moment, which the lines call 0. */
#include "tests/golden/stage.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/draw.h"

enum { TICKS_MAX = 1000 };

static const uint64_t start_ns = UINT64_C(1000000000000);

static const struct limits limits = {
    .calls_max = 16, .deliveries_max = 24, .functions_max = 4, .workers_max = 8, .slots = 8
};

static const struct settings settings = {
    .ack_wait_ns = UINT64_C(30000000000),
    .hold_ns_max = UINT64_C(5000000000),
    .publish_timeout_ns = UINT64_C(2000000000),
    .reply_poll_ns = UINT64_C(5000000000),
    .pull_expires_ns = UINT64_C(30000000000),
    .start_timeout_ns = UINT64_C(10000000000),
    .stop_grace_ns = UINT64_C(3000000000),
    .call_budget_ns_max = UINT64_C(60000000000),
    .silence_ns_max = UINT64_C(3600000000000),
    .retry_ns_base = UINT64_C(100000000),
    .retry_ns_max = UINT64_C(10000000000),
    .starts_max = 3,
    .jitter = JITTER_NONE,
};

_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

void stage_fail(const struct stage *stage, const char *what, const char *word)
{
    fprintf(stderr, "line %u: %s: %s\n", stage->line, what, word);
    exit(2);
}

struct key stage_key(struct stage *stage, const char *text)
{
    for (uint32_t i = 0; i < stage->names_count; i++) {
        if (strcmp(stage->names[i].text, text) == 0) {
            return stage->names[i].key;
        }
    }
    if (stage->names_count == NAMES || strlen(text) >= NAME_SIZE) {
        stage_fail(stage, "too many names, or one too long", text);
    }
    struct name *name = &stage->names[stage->names_count++];
    memcpy(name->text, text, strlen(text) + 1);
    name->key = (struct key){ draw(1, stage->names_count, DRAW_USER, 0), draw(1, stage->names_count, DRAW_USER, 1) };
    return name->key;
}

const char *stage_name(const struct stage *stage, struct key key)
{
    for (uint32_t i = 0; i < stage->names_count; i++) {
        if (key_equal(stage->names[i].key, key)) {
            return stage->names[i].text;
        }
    }
    return "?";
}

struct actor *stage_actor(struct stage *stage, const char *name)
{
    static const char *const names[ACTORS] = { "a1", "a2" };
    for (uint32_t i = 0; i < ACTORS; i++) {
        if (strcmp(names[i], name) != 0) {
            continue;
        }
        struct actor *actor = &stage->actors[i];
        if (actor->core == NULL) {
            actor->name = names[i];
            actor->blobs_count = 1;
            stage->now_ns = stage->now_ns == 0 ? start_ns : stage->now_ns;
            actor->core = core_init(aligned_alloc(16, core_size(&limits)), &limits, &settings, i + 1);
        }
        return actor;
    }
    stage_fail(stage, "nobody of that name is on the stage", name);
}

static void step(struct stage *stage, struct actor *actor, struct input input)
{
    struct effects effects;
    input.now_ns = stage->now_ns;
    input.epoch = actor->epoch;
    core_step(actor->core, &input, &effects);
    core_check(actor->core);
    for (uint32_t i = 0; i < effects.count; i++) {
        stage_hear(stage, actor, &effects.list[i]);
    }
}

static void settle(struct stage *stage, struct actor *actor)
{
    for (uint32_t ticks = 0; core_next_deadline(actor->core) <= stage->now_ns; ticks++) {
        ASSERT(ticks < TICKS_MAX);
        step(stage, actor, (struct input){ .kind = INPUT_TICK });
    }
}

void stage_input(struct stage *stage, struct actor *actor, struct input input)
{
    step(stage, actor, input);
    settle(stage, actor);
}

static struct actor *first_due(struct stage *stage, uint64_t until_ns)
{
    struct actor *first = NULL;
    for (uint32_t i = 0; i < ACTORS; i++) {
        struct actor *actor = &stage->actors[i];
        uint64_t due_ns = actor->core == NULL ? CORE_NEVER : core_next_deadline(actor->core);
        if (due_ns <= until_ns && (first == NULL || due_ns < core_next_deadline(first->core))) {
            first = actor;
        }
    }
    return first;
}

void stage_wait(struct stage *stage, uint64_t until_ms)
{
    uint64_t until_ns = start_ns + until_ms * 1000000;
    if (until_ns < stage->now_ns) {
        stage_fail(stage, "time does not go back", "");
    }
    struct actor *actor;
    for (uint32_t ticks = 0; (actor = first_due(stage, until_ns)) != NULL; ticks++) {
        ASSERT(ticks < TICKS_MAX);
        stage->now_ns =
            core_next_deadline(actor->core) > stage->now_ns ? core_next_deadline(actor->core) : stage->now_ns;
        settle(stage, actor);
    }
    stage->now_ns = until_ns;
}

struct blob stage_blob(struct actor *actor, struct key request)
{
    ASSERT(actor->blobs_count < BLOBS);
    actor->blobs[actor->blobs_count] = request;
    return (struct blob){ .slot = actor->blobs_count++, .length = 1 };
}

const struct question *stage_question(const struct stage *stage, const struct actor *actor, enum effect_kind kind,
                                      struct key about)
{
    for (uint32_t i = actor->questions_count; i-- > 0;) {
        const struct question *question = &actor->questions[i];
        if (question->kind == kind && key_equal(question->about, about)) {
            return question;
        }
    }
    stage_fail(stage, effect_name(kind), "was not asked for");
}

const struct run *stage_run(const struct stage *stage, const struct actor *actor, struct key request)
{
    for (uint32_t i = actor->runs_count; i-- > 0;) {
        if (key_equal(actor->runs[i].request, request)) {
            return &actor->runs[i];
        }
    }
    stage_fail(stage, "does not run", stage_name(stage, request));
}
