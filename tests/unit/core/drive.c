/* Facts by the die. Most answer something that the core has asked, since pure noise would end at the door; the
 * rest is noise. After each step the states of all rows are compared with those before. */
#include "tests/unit/core/drive.h"

#include <string.h>

#include "core/draw.h"
#include "core/pool.h"

enum { FUNCTIONS = 4, REQUESTS = 14, VERSIONS = 3, HEAL_STEPS_MAX = 20000 };

static uint32_t die(const struct drive *drive, uint64_t purpose, uint32_t sides)
{
    return (uint32_t)draw_below(draw(drive->seed, drive->step, DRAW_USER + purpose, 0), sides);
}

void drive_init(struct drive *drive, uint64_t seed)
{
    struct limits limits = { .calls_max = 10, .deliveries_max = 14, .functions_max = 3, .workers_max = 5, .slots = 8 };
    struct settings settings = puppet_settings;
    *drive = (struct drive){ .seed = seed };
    settings.jitter = (uint8_t)die(drive, 0, 4);
    settings.silence_ns_max = 10 * SECOND;
    settings.queue_ns_max = die(drive, 1, 2) * 3 * SECOND;
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

/* -- facts ------------------------------------------------------------------------------------------------------- */

static uint64_t sequence_of(const struct drive *drive, uint32_t request)
{
    return 100 + request * 10 + die(drive, 30, 8) / 7; /* now and then the same id was published twice */
}

static struct input call(struct drive *drive)
{
    struct input input = { .kind = INPUT_CALL, .blob = puppet_blob(drive->puppet) };
    uint32_t request = die(drive, 10, REQUESTS);
    input.as.call.request = puppet_request(request);
    input.as.call.function = puppet_name(die(drive, 11, FUNCTIONS));
    input.as.call.digest = die(drive, 12, 16) == 0 ? 8 : 7;
    input.as.call.budget_ns = die(drive, 13, 4) * SECOND;
    input.as.call.reference = drive->step;
    return input;
}

static struct input delivery(struct drive *drive)
{
    struct core *core = drive->puppet->core;
    uint32_t row = die(drive, 14, core->functions.rows), request = die(drive, 15, REQUESTS);
    const struct function *function = function_at(core, row);
    bool asked = function->outstanding > 0;
    if (function->row.generation == 0 ||
        (!asked && core->deliveries.live + core->outstanding >= core->deliveries.rows)) {
        return (struct input){ .kind = INPUT_HEARD };
    }
    struct input input = { .kind = INPUT_DELIVERY, .blob = puppet_blob(drive->puppet) };
    input.about = handle_make(TABLE_FUNCTION, function->row.generation, row);
    input.epoch = die(drive, 16, 50) == 0 ? drive->puppet->epoch + 1 : 0;
    input.code = die(drive, 17, 30) == 0 ? REASON_INVALID_EVENT : REASON_NONE;
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = sequence_of(drive, request);
    input.as.delivery.delivered = 1 + die(drive, 18, 8) / 4;
    input.as.delivery.budget_ns = die(drive, 19, 3) * SECOND;
    input.as.delivery.stored_ns = (int64_t)(drive->puppet->now_ns - die(drive, 20, 3) * SECOND);
    input.as.delivery.pending = die(drive, 21, 4);
    input.as.delivery.has_reply_to = die(drive, 22, 2);
    return input;
}

static struct input function_fact(struct drive *drive)
{
    struct input input = { .kind = die(drive, 23, 6) == 0 ? INPUT_FUNCTION_REMOVED : INPUT_FUNCTION_SET };
    input.as.function.name = puppet_name(die(drive, 24, FUNCTIONS));
    input.as.function.version = puppet_version(die(drive, 25, VERSIONS));
    input.as.function.timeout_ns = (1 + die(drive, 26, 3)) * SECOND;
    input.as.function.keep_alive_ns = die(drive, 27, 8) * SECOND;
    input.as.function.retries_max = (uint16_t)die(drive, 28, 3);
    input.as.function.concurrency = (uint16_t)die(drive, 29, 4);
    input.as.function.workers_max = (uint16_t)die(drive, 31, 4);
    return input;
}

static void fill_result(struct drive *drive, struct input *input)
{
    input->as.result.digest = die(drive, 40, 10) == 0 ? 8 : 7;
    input->as.result.end = (uint8_t)(1 + die(drive, 41, END_COUNT - 1));
    input->as.result.reason = (uint8_t)die(drive, 42, REASON_COUNT);
    input->as.result.attempts = die(drive, 43, 4);
    input->blob = puppet_blob(drive->puppet);
}

static void fill_ledger(struct drive *drive, const struct effect *effect, struct input *input)
{
    bool ours = die(drive, 44, 2) == 0;
    input->as.ledger.revision = ours && effect->kind == EFFECT_LEDGER_PUT ? drive->step + 1 : die(drive, 45, 3);
    input->as.ledger.nonce = 1;
    input->as.ledger.attempts = die(drive, 46, 20) == 0 ? UINT32_MAX : die(drive, 46, 3);
    input->as.ledger.starts = die(drive, 47, 20) == 0 ? UINT32_MAX : die(drive, 47, 3);
    uint32_t row = handle_index(effect->about);
    if (ours && effect->kind == EFFECT_LEDGER_GET && handle_table(effect->about) == TABLE_DELIVERY) {
        input->as.ledger.nonce = delivery_at(drive->puppet->core, row)->nonce;
        input->as.ledger.revision = die(drive, 48, 2) ? delivery_at(drive->puppet->core, row)->revision : drive->step;
    }
}

static struct input completion(struct drive *drive, const struct effect *effect, enum outcome outcome)
{
    static const uint16_t codes[] = { 10071, 10077, 10054, 503, 10060 };
    struct input input = { .answers = effect->operation, .outcome = (uint8_t)outcome };
    input.code = outcome == OUTCOME_REFUSED ? codes[die(drive, 50, 5)] : 0;
    switch (effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
        input.kind = INPUT_PUBLISHED;
        input.as.published.duplicate = die(drive, 51, 4) == 0;
        break;
    case EFFECT_FETCH_RESULT:
        input.kind = INPUT_RESULT;
        if (outcome == OUTCOME_DONE) {
            fill_result(drive, &input);
        }
        break;
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        input.kind = INPUT_LEDGER;
        fill_ledger(drive, effect, &input);
        break;
    case EFFECT_PULL:
        input.kind = INPUT_PULL_ENDED;
        input.as.pull.unfilled = die(drive, 52, effect->count + 1);
        input.code = die(drive, 53, 8) == 0 ? 409 : die(drive, 53, 8) == 1 ? 503 : 408;
        break;
    case EFFECT_BUILD:
        input.kind = INPUT_BUILT;
        input.code = outcome == OUTCOME_DONE || die(drive, 54, 2) ? REASON_NONE : REASON_RUNTIME_UNAVAILABLE;
        break;
    default:
        input.kind = INPUT_CONSUMER_READY;
        input.as.consumer.fresh_after = 100 + die(drive, 55, REQUESTS) * 10;
    }
    return input;
}

static struct input worker_fact(struct drive *drive, const struct effect *effect)
{
    static const uint8_t kinds[] = {
        INPUT_WORKER_READY,  INPUT_WORKER_RESULT, INPUT_WORKER_RESULT, INPUT_WORKER_ERROR,
        INPUT_WORKER_RESULT, INPUT_WORKER_BROKEN, INPUT_WORKER_EXITED, INPUT_WORKER_EXITED
    };
    struct input input = { .kind = kinds[die(drive, 60, 8)], .about = effect->about };
    if (effect->kind == EFFECT_START_WORKER && die(drive, 61, 4) > 0) {
        input.kind = INPUT_WORKER_READY;
    } else if (effect->kind == EFFECT_EXECUTE && die(drive, 61, 4) > 0) {
        input.kind = die(drive, 61, 4) > 1 ? INPUT_WORKER_RESULT : INPUT_WORKER_ERROR;
    } else if ((effect->kind == EFFECT_STOP_WORKER || effect->kind == EFFECT_KILL_WORKER) && die(drive, 61, 4) > 1) {
        input.kind = INPUT_WORKER_EXITED;
    }
    bool answers = input.kind == INPUT_WORKER_RESULT || input.kind == INPUT_WORKER_ERROR;
    input.blob = answers && die(drive, 62, 4) > 0 ? puppet_blob(drive->puppet) : (struct blob){ 0 };
    input.code = input.kind == INPUT_WORKER_EXITED && die(drive, 63, 4) == 0 ? REASON_OUT_OF_MEMORY : REASON_NONE;
    input.as.worker.stream = effect->stream;
    input.as.worker.concurrency = (uint16_t)die(drive, 64, 5);
    input.as.worker.ahead = (uint8_t)die(drive, 98, 2);
    input.as.worker.class = (uint8_t)die(drive, 65, 4);
    input.as.worker.after_ns = die(drive, 66, 10) == 0 ? UINT64_MAX : die(drive, 66, 10) * MS;
    return input;
}

static struct input answer(struct drive *drive)
{
    uint32_t known = drive->asked_count < DRIVE_NOTES ? drive->asked_count : DRIVE_NOTES;
    if (known == 0) {
        return function_fact(drive);
    }
    uint32_t back = die(drive, 67, 3) == 0 ? die(drive, 68, known) : die(drive, 68, known < 6 ? known : 6);
    const struct effect *effect = &drive->asked[(drive->asked_count - 1 - back) % DRIVE_NOTES];
    if (effect->operation == 0) {
        return worker_fact(drive, effect);
    }
    uint32_t roll = die(drive, 69, 10);
    return completion(drive, effect, roll < 6 ? OUTCOME_DONE : roll < 9 ? OUTCOME_REFUSED : OUTCOME_UNKNOWN);
}

/* Anything at all, but for what the adapters never send. */
static struct input noise(struct drive *drive)
{
    struct input input = { .kind = (uint8_t)die(drive, 70, INPUT_COUNT), .outcome = (uint8_t)die(drive, 71, 4) };
    if (input.kind == INPUT_CALL || input.kind == INPUT_DELIVERY || input.kind == INPUT_DRAIN ||
        input.kind == INPUT_LINK_UP || input.kind == INPUT_FUNCTION_SET) {
        input.kind = INPUT_HEARD;
    }
    input.answers = draw(drive->seed, drive->step, DRAW_USER, 72) & draw(drive->seed, drive->step, DRAW_USER, 73);
    input.about.bits = (uint32_t)draw(drive->seed, drive->step, DRAW_USER, 74);
    input.epoch = die(drive, 75, 4);
    input.code = (uint16_t)die(drive, 76, 1 << 16);
    input.blob = die(drive, 77, 2) ? puppet_blob(drive->puppet) : (struct blob){ 0 };
    uint64_t words[sizeof input.as / sizeof(uint64_t)];
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = draw(drive->seed, drive->step, DRAW_USER, 80 + i);
    }
    memcpy(&input.as, words, sizeof words);
    return input;
}

static struct input link_fact(struct drive *drive)
{
    if (drive->puppet->core->link_up && die(drive, 90, 3) > 0) {
        return (struct input){ .kind = INPUT_LINK_DOWN };
    }
    drive->puppet->epoch++;
    return (struct input){ .kind = INPUT_LINK_UP };
}

static struct input rare(struct drive *drive)
{
    struct input input = { .kind = INPUT_CLOCK };
    switch (die(drive, 91, 8)) {
    case 0:
    case 1:
        return link_fact(drive);
    case 2:
        return function_fact(drive);
    case 3:
        input.as.clock.offset_ns_min = (int64_t)(die(drive, 92, 3) * SECOND);
        input.as.clock.offset_ns_max = (int64_t)(die(drive, 92, 3) * SECOND + MS);
        return input;
    case 4:
        input = (struct input){ .kind = INPUT_ANSWER };
        fill_result(drive, &input);
        input.as.result.request = puppet_request(die(drive, 93, REQUESTS));
        return input;
    case 5:
        return (struct input){ .kind = INPUT_CALL_CANCELLED, .about = drive->calls[die(drive, 94, DRIVE_NOTES)] };
    default:
        return noise(drive);
    }
}

static void pass_time(struct drive *drive)
{
    struct puppet *puppet = drive->puppet;
    uint64_t deadline = core_next_deadline(puppet->core);
    if (die(drive, 95, 8) == 0 && deadline != CORE_NEVER && deadline > puppet->now_ns) {
        puppet->now_ns = deadline;
    } else {
        uint64_t most_ns = die(drive, 97, 20) == 0 ? SECOND
                           : drive->seed % 2       ? 100 * MS
                                                   : MS; /* even seeds are brief */
        puppet->now_ns += die(drive, 96, (uint32_t)most_ns);
    }
}

void drive_step(struct drive *drive)
{
    uint32_t roll = die(drive, 1, 100);
    pass_time(drive);
    if (drive->step % 5000 == 4000 && die(drive, 2, 3) == 0) {
        take(drive, (struct input){ .kind = INPUT_DRAIN, .as.drain.grace_ns = die(drive, 3, 5) * SECOND });
    } else if (roll < 45) {
        take(drive, answer(drive));
    } else if (roll < 65) {
        take(drive, delivery(drive));
    } else if (roll < 75) {
        take(drive, call(drive));
    } else if (roll < 85) {
        take(drive, rare(drive));
    } else {
        take(drive, (struct input){ .kind = INPUT_TICK });
    }
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
        return completion(drive, effect, OUTCOME_DONE);
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
