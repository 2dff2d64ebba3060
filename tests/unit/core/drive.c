/* Takes facts from the die, one a step, and compares the states of all rows after it with those before. The end of all
 * faults is a queue of everything that was asked, answered well in its order. */
#include "tests/unit/core/drive.h"

#include <string.h>

#include "core/draw.h"
#include "core/pool.h"

enum { HEAL_STEPS_MAX = 20000 };

void drive_init(struct drive *drive, uint64_t seed)
{
    struct limits limits = { .calls_max = 10, .deliveries_max = 14, .functions_max = 3, .workers_max = 5, .slots = 8 };
    struct settings settings = puppet_settings;
    *drive = (struct drive){ .seed = seed };
    settings.jitter = (uint8_t)drive_die(drive, 0, 4);
    settings.silence_ns_max = 10 * SECOND;
    settings.quarantine_crashes = seed % 2 == 1 ? 2 : 0;
    settings.quarantine_window_ns = 1000 * SECOND;
    settings.quarantine_ns_base = settings.quarantine_ns_max = SECOND;
    settings.queue_ns_max = drive_die(drive, 1, 2) * 3 * SECOND;
    drive->puppet = puppet_new(&limits, &settings);
}

void drive_free(struct drive *drive)
{
    puppet_free(drive->puppet);
}

/* -- edges ------------------------------------------------------------------------------------------------------- */

static void note_edges(struct drive *drive, const struct pool *pool)
{
    for (uint32_t at = 0; at < pool->rows; at++) {
        const struct row *row = pool_row(drive->puppet->core, pool, at);
        uint8_t *state = &drive->states[pool->table][at];
        uint16_t *generation = &drive->generations[pool->table][at];
        bool same = *generation == row->generation;
        if (drive->edges != NULL && (!same || *state != row->state)) {
            drive->edges[pool->table][*state][same ? row->state : 0]++;
            drive->edges[pool->table][same ? *state : 0][row->state]++;
        }
        *state = row->state;
        *generation = row->generation;
    }
}

static void note_asked(struct drive *drive)
{
    struct puppet *puppet = drive->puppet;
    for (uint32_t i = 0; i < puppet->seen_count; i++) {
        const struct effect *effect = &puppet->seen[i];
        enum table table = handle_table(effect->about);
        if (effect->operation != 0 || table == TABLE_WORKER) {
            drive->asked[drive->asked_count++ % DRIVE_NOTES] = *effect;
        }
        if (table == TABLE_CALL) {
            drive->calls[drive->calls_count++ % DRIVE_NOTES] = effect->about;
        }
    }
}

static void take(struct drive *drive, struct input input)
{
    struct core *core = drive->puppet->core;
    drive->puppet->seen_count = 0;
    puppet_step(drive->puppet, input);
    note_asked(drive);
    note_edges(drive, &core->calls);
    note_edges(drive, &core->deliveries);
    note_edges(drive, &core->functions);
    note_edges(drive, &core->workers);
}

static void pass_time(struct drive *drive)
{
    struct puppet *puppet = drive->puppet;
    uint64_t deadline = core_next_deadline(puppet->core);
    if (drive_die(drive, 95, 8) == 0 && deadline != CORE_NEVER && deadline > puppet->now_ns) {
        puppet->now_ns = deadline;
    } else {
        uint64_t most_ns = drive_die(drive, 97, 20) == 0 ? SECOND
                           : drive->seed % 2             ? 100 * MS
                                                         : MS; /* even seeds are brief */
        puppet->now_ns += drive_die(drive, 96, (uint32_t)most_ns);
    }
}

void drive_step(struct drive *drive)
{
    pass_time(drive);
    take(drive, drive_fact(drive));
    drive->step++;
}

/* -- the end of all faults --------------------------------------------------------------------------------------- */

enum { DUE_MAX = 4096 };

struct due {
    struct effect effects[DUE_MAX];
    uint32_t first, count;
};

static void due_add(struct due *due, const struct effect *effect)
{
    bool worker = effect->kind == EFFECT_START_WORKER || effect->kind == EFFECT_EXECUTE ||
                  effect->kind == EFFECT_STOP_WORKER || effect->kind == EFFECT_KILL_WORKER;
    if (worker || (effect->operation != 0 && effect->kind != EFFECT_PULL)) {
        assert_true(due->count < DUE_MAX);
        due->effects[(due->first + due->count++) % DUE_MAX] = *effect;
    }
}

/* What a world without faults answers. */
static struct input good_answer(struct drive *drive, const struct effect *effect)
{
    struct input input = { .about = effect->about, .as.worker.stream = effect->stream };
    switch (effect->kind) {
    case EFFECT_START_WORKER:
        input.kind = INPUT_WORKER_READY;
        return input;
    case EFFECT_EXECUTE:
        input.kind = INPUT_WORKER_RESULT;
        input.blob = puppet_blob(drive->puppet);
        return input;
    case EFFECT_STOP_WORKER:
    case EFFECT_KILL_WORKER:
        input.kind = INPUT_WORKER_EXITED;
        return input;
    default:
        return drive_completion(drive, effect, OUTCOME_DONE);
    }
}

static bool at_rest(const struct puppet *puppet)
{
    struct core_view view = puppet_view(puppet);
    return view.calls == 0 && view.deliveries == 0 && puppet->blobs == 0;
}

void drive_heal(struct drive *drive)
{
    struct puppet *puppet = drive->puppet;
    struct due *due = test_calloc(1, sizeof *due);
    for (uint32_t i = 0; i < DRIVE_NOTES; i++) {
        due_add(due, &drive->asked[i]);
    }
    puppet->epoch++;
    take(drive, (struct input){ .kind = INPUT_LINK_UP });
    for (uint32_t steps = 0; steps < HEAL_STEPS_MAX && !at_rest(puppet); steps++) {
        for (uint32_t i = 0; i < puppet->seen_count; i++) {
            due_add(due, &puppet->seen[i]);
        }
        struct input input = { .kind = INPUT_TICK };
        if (due->count > 0) {
            input = good_answer(drive, &due->effects[due->first]);
            due->first = (due->first + 1) % DUE_MAX;
            due->count--;
        }
        take(drive, input);
        puppet->now_ns += 20 * MS;
        drive->step++;
    }
    test_free(due);
    if (!at_rest(puppet)) {
        fail_msg("seed %lu: %u calls and %u deliveries never ended", (unsigned long)drive->seed,
                 puppet_view(puppet).calls, puppet_view(puppet).deliveries);
    }
}
