/* Steps a core and judges each step at once, so that a test fails where the mistake is and not where it shows.
 *
 * A fact is one step and then ticks at the same time until core_next_deadline() lies ahead: what would have
 * overflowed the list of effects goes on there. All effects of that are kept, with their times. */
#include "tests/unit/core/puppet.h"

#include <stdlib.h>
#include <string.h>

#include "core/draw.h"
#include "core/index.h"
#include "core/pool.h"

enum { TICKS_MAX = 100000 };

const struct limits puppet_limits = {
    .calls_max = 16, .deliveries_max = 24, .functions_max = 4, .workers_max = 6, .slots = 8
};

const struct settings puppet_settings = {
    .ack_wait_ns = 30 * SECOND,
    .hold_ns_max = 5 * SECOND,
    .publish_timeout_ns = 2 * SECOND,
    .reply_poll_ns = 5 * SECOND,
    .pull_expires_ns = 30 * SECOND,
    .start_timeout_ns = 10 * SECOND,
    .stop_grace_ns = 3 * SECOND,
    .call_budget_ns_max = 60 * SECOND,
    .silence_ns_max = 3600 * SECOND,
    .retry_ns_base = 100 * MS,
    .retry_ns_max = 10 * SECOND,
    .starts_max = 3,
    .jitter = JITTER_NONE,
};

struct puppet *puppet_new(const struct limits *limits, const struct settings *settings)
{
    struct puppet *puppet = calloc(1, sizeof *puppet);
    assert_non_null(puppet);
    limits = limits == NULL ? &puppet_limits : limits;
    uint64_t size = core_size(limits);
    assert_true(size > 0);
    puppet->memory = aligned_alloc(16, size);
    assert_non_null(puppet->memory);
    puppet->core = core_init(puppet->memory, limits, settings == NULL ? &puppet_settings : settings, 42);
    puppet->now_ns = 1000 * SECOND;
    return puppet;
}

void puppet_free(struct puppet *puppet)
{
    free(puppet->memory);
    free(puppet);
}

int puppet_up(void **state)
{
    *state = puppet_new(NULL, NULL);
    puppet_link_up(*state);
    return 0;
}

int puppet_down(void **state)
{
    puppet_free(*state);
    return 0;
}

/* -- steps ------------------------------------------------------------------------------------------------------- */

struct blob puppet_blob(struct puppet *puppet)
{
    for (uint32_t tries = 0; tries < PUPPET_BLOBS; tries++) {
        puppet->blob_next = puppet->blob_next % (PUPPET_BLOBS - 1) + 1;
        if (!puppet->held[puppet->blob_next]) {
            return (struct blob){ .slot = puppet->blob_next, .length = 100 };
        }
    }
    fail_msg("all blobs are held");
    return (struct blob){ 0 };
}

static void judge_blob(struct puppet *puppet, const struct effect *effect)
{
    assert_true(effect->blob.slot < PUPPET_BLOBS);
    assert_true(effect->second.slot < PUPPET_BLOBS);
    assert_true(effect->blob.slot == 0 || puppet->held[effect->blob.slot]);
    assert_true(effect->second.slot == 0 || puppet->held[effect->second.slot]);
    if (effect->kind == EFFECT_DROP_BLOB) {
        assert_true(effect->blob.slot != 0);
        puppet->held[effect->blob.slot] = 0;
        puppet->blobs--;
    }
}

static void judge(struct puppet *puppet, const struct effects *effects)
{
    assert_true(effects->count <= EFFECTS_MAX);
    for (uint32_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->list[i];
        assert_true(effect->kind < EFFECT_COUNT);
        judge_blob(puppet, effect);
        if (effect->kind == EFFECT_EXTEND || effect->kind == EFFECT_HAND_BACK) {
            assert_int_equal(puppet->owner[effect->blob.slot], puppet->epoch);
        }
        assert_true(puppet->seen_count < PUPPET_SEEN);
        puppet->seen_ns[puppet->seen_count] = puppet->now_ns;
        puppet->seen[puppet->seen_count++] = *effect;
        if (effect->kind == EFFECT_START_WORKER) {
            puppet->worker = effect->about;
        }
    }
    assert_int_equal(core_blobs_held(puppet->core), puppet->blobs);
    core_check(puppet->core);
}

void puppet_step(struct puppet *puppet, struct input input)
{
    struct effects effects;
    memset(&effects, 0xa5, sizeof effects);
    input.now_ns = puppet->now_ns;
    input.epoch = input.epoch == 0 ? puppet->epoch : input.epoch;
    if (input.blob.slot != 0) {
        assert_false(puppet->held[input.blob.slot]);
        puppet->held[input.blob.slot] = 1;
        puppet->owner[input.blob.slot] = input.epoch;
        puppet->blobs++;
    }
    core_step(puppet->core, &input, &effects);
    puppet->steps++;
    judge(puppet, &effects);
}

static void settle(struct puppet *puppet)
{
    for (uint32_t ticks = 0; core_next_deadline(puppet->core) <= puppet->now_ns; ticks++) {
        assert_true(ticks < TICKS_MAX);
        puppet_step(puppet, (struct input){ .kind = INPUT_TICK });
    }
}

void puppet_fact(struct puppet *puppet, struct input input)
{
    puppet->seen_count = puppet->steps = 0;
    puppet_step(puppet, input);
    settle(puppet);
}

void puppet_wait(struct puppet *puppet, uint64_t for_ns)
{
    uint64_t until_ns = puppet->now_ns + for_ns;
    puppet->seen_count = puppet->steps = 0;
    for (uint32_t ticks = 0; core_next_deadline(puppet->core) <= until_ns; ticks++) {
        assert_true(ticks < TICKS_MAX);
        puppet->now_ns = core_next_deadline(puppet->core);
        settle(puppet);
    }
    puppet->now_ns = until_ns;
}

void puppet_link_up(struct puppet *puppet)
{
    puppet->epoch++;
    puppet_fact(puppet, (struct input){ .kind = INPUT_LINK_UP });
}

void puppet_link_down(struct puppet *puppet)
{
    puppet_fact(puppet, (struct input){ .kind = INPUT_LINK_DOWN });
}

/* -- what came of it --------------------------------------------------------------------------------------------- */

const struct effect *puppet_nth(struct puppet *puppet, enum effect_kind kind, uint32_t nth)
{
    for (uint32_t i = 0; i < puppet->seen_count; i++) {
        if (puppet->seen[i].kind == kind && nth-- == 0) {
            return &puppet->seen[i];
        }
    }
    return NULL;
}

uint32_t puppet_count(const struct puppet *puppet, enum effect_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < puppet->seen_count; i++) {
        count += puppet->seen[i].kind == kind;
    }
    return count;
}

const struct effect *puppet_one(struct puppet *puppet, enum effect_kind kind)
{
    if (puppet_count(puppet, kind) != 1) {
        for (uint32_t i = 0; i < puppet->seen_count; i++) {
            print_message("seen: %s\n", effect_name((enum effect_kind)puppet->seen[i].kind));
        }
        fail_msg("expected one %s, got %u", effect_name(kind), puppet_count(puppet, kind));
    }
    return puppet_nth(puppet, kind, 0);
}

uint64_t puppet_when(struct puppet *puppet, enum effect_kind kind)
{
    return puppet->seen_ns[puppet_one(puppet, kind) - puppet->seen];
}

void puppet_order(struct puppet *puppet, ...)
{
    va_list kinds;
    uint32_t at = 0;
    va_start(kinds, puppet);
    for (int kind = va_arg(kinds, int); kind != EFFECT_COUNT; kind = va_arg(kinds, int)) {
        while (at < puppet->seen_count && puppet->seen[at].kind != kind) {
            at++;
        }
        if (at == puppet->seen_count) {
            va_end(kinds);
            fail_msg("%s is missing or too early", effect_name((enum effect_kind)kind));
            return;
        }
        at++;
    }
    va_end(kinds);
}

struct core_view puppet_view(const struct puppet *puppet)
{
    struct core_view view;
    core_view(puppet->core, &view);
    return view;
}

enum delivery_state puppet_delivery(struct puppet *puppet, uint32_t request)
{
    uint32_t at = index_find_delivery(puppet->core, puppet_request(request));
    return at == NOWHERE ? DELIVERY_FREE : (enum delivery_state)delivery_at(puppet->core, at)->row.state;
}

void puppet_expect_delivery(struct puppet *puppet, uint32_t request, enum delivery_state expected)
{
    assert_string_equal(delivery_state_name(puppet_delivery(puppet, request)), delivery_state_name(expected));
}

enum call_state puppet_call_state(struct puppet *puppet, uint32_t request)
{
    uint32_t at = index_next_call(puppet->core, puppet_request(request), NOWHERE);
    return at == NOWHERE ? CALL_FREE : (enum call_state)call_at(puppet->core, at)->row.state;
}

enum worker_state puppet_worker(struct puppet *puppet, struct handle worker)
{
    uint32_t at = pool_find(puppet->core, &puppet->core->workers, worker);
    return at == NOWHERE ? WORKER_FREE : (enum worker_state)worker_at(puppet->core, at)->row.state;
}

enum function_state puppet_function(struct puppet *puppet, uint32_t function)
{
    uint32_t at = index_find_function(puppet->core, puppet_name(function));
    return at == NOWHERE ? FUNCTION_FREE : (enum function_state)function_at(puppet->core, at)->row.state;
}
