/* Facts by the die. Most answer something that the core has asked, since pure noise would end at the door; the rest is
 * noise. */
#include "tests/unit/core/drive.h"

#include <string.h>

#include "core/draw.h"
#include "core/pool.h"

enum { FUNCTIONS = 4, ELSEWHERE = 3, ROUTE = FUNCTIONS, REQUESTS = 14, VERSIONS = 3 };

uint32_t drive_die(const struct drive *drive, uint64_t purpose, uint32_t sides)
{
    return (uint32_t)draw_below(draw(drive->seed, drive->step, DRAW_USER + purpose, 0), sides);
}

static uint64_t sequence_of(const struct drive *drive, uint32_t request)
{
    return 100 + request * 10 + drive_die(drive, 30, 8) / 7; /* now and then the same id was published twice */
}

static struct input call(struct drive *drive)
{
    struct input input = { .kind = INPUT_CALL, .blob = puppet_blob(drive->puppet) };
    static const uint8_t kinds[] = { CALL_KIND_EXECUTE, CALL_KIND_EXECUTE, CALL_KIND_EXECUTE, CALL_KIND_SUBMIT,
                                     CALL_KIND_AWAIT,   CALL_KIND_LOOK,    CALL_KIND_CANCEL,  CALL_KIND_CANCEL };
    uint32_t request = drive_die(drive, 10, REQUESTS);
    input.as.call.kind = kinds[drive_die(drive, 32, 8)];
    input.as.call.alias = drive_die(drive, 33, 10) == 0 ? ALIAS_UNKNOWN : ALIAS_LIVE;
    input.as.call.request = puppet_request(request);
    input.as.call.function = puppet_name(drive_die(drive, 11, FUNCTIONS));
    input.as.call.digest = drive_die(drive, 12, 16) == 0 ? 8 : 7;
    input.as.call.budget_ns = drive_die(drive, 13, 4) * SECOND;
    input.as.call.reference = drive->step;
    return input;
}

static struct input delivery(struct drive *drive)
{
    struct core *core = drive->puppet->core;
    uint32_t row = drive_die(drive, 14, core->functions.rows), request = drive_die(drive, 15, REQUESTS);
    const struct function *function = function_at(core, row);
    bool asked = function->outstanding > 0;
    bool pulls = function->owner == NOWHERE && function->row.state != FUNCTION_ELSEWHERE;
    if (function->row.generation == 0 || (function->row.state != FUNCTION_FREE && !pulls) ||
        (!asked && core->deliveries.live + core->outstanding >= core->deliveries.rows)) {
        return (struct input){ .kind = INPUT_HEARD };
    }
    struct input input = { .kind = INPUT_DELIVERY, .blob = puppet_blob(drive->puppet) };
    input.about = handle_make(TABLE_FUNCTION, function->row.generation, row);
    input.epoch = drive_die(drive, 16, 50) == 0 ? drive->puppet->epoch + 1 : 0;
    input.code = drive_die(drive, 17, 30) == 0 ? REASON_INVALID_EVENT : REASON_NONE;
    input.as.delivery.request = puppet_request(request);
    input.as.delivery.digest = 7;
    input.as.delivery.sequence = sequence_of(drive, request);
    input.as.delivery.delivered = 1 + drive_die(drive, 18, 8) / 4;
    input.as.delivery.budget_ns = drive_die(drive, 19, 3) * SECOND;
    input.as.delivery.stored_ns = (int64_t)(drive->puppet->now_ns - drive_die(drive, 20, 3) * SECOND);
    input.as.delivery.pending = drive_die(drive, 21, 4);
    input.as.delivery.alias = drive_die(drive, 6, 8) == 0 ? (uint8_t)drive_die(drive, 7, 256) : ALIAS_LIVE;
    input.as.delivery.has_reply_to = drive_die(drive, 22, 2);
    return input;
}

static struct input function_fact(struct drive *drive)
{
    struct input input = { .kind = drive_die(drive, 23, 6) == 0 ? INPUT_FUNCTION_REMOVED : INPUT_FUNCTION_SET };
    uint32_t name = drive_die(drive, 24, FUNCTIONS + 1);
    input.as.function.name = puppet_name(name);
    input.as.function.elsewhere = name == ELSEWHERE;
    input.as.function.of = name == ROUTE ? puppet_name(0) : (struct key){ 0 };
    input.as.function.alias = (uint8_t)drive_die(drive, 57, 2);
    input.as.function.weight = (uint8_t)drive_die(drive, 58, 101);
    input.as.function.closing = (uint8_t)(drive_die(drive, 59, 10) == 0 ? 1 + drive_die(drive, 5, 2) : 0);
    input.as.function.version = puppet_version(drive_die(drive, 25, VERSIONS));
    input.as.function.timeout_ns = (1 + drive_die(drive, 26, 3)) * SECOND;
    input.as.function.keep_alive_ns = drive_die(drive, 27, 8) * SECOND;
    input.as.function.retries_max = (uint16_t)drive_die(drive, 28, 3);
    input.as.function.concurrency = (uint16_t)drive_die(drive, 29, 4);
    input.as.function.workers_max = (uint16_t)drive_die(drive, 31, 4);
    return input;
}

/* Few retries after some causes, many after others. */
static struct input policy_fact(struct drive *drive, struct key name)
{
    struct input input = { .kind = INPUT_FUNCTION_POLICY, .as.policy.name = name };
    for (uint32_t cause = 0; cause < CAUSE_KEPT; cause++) {
        input.as.policy.retries[cause] = (uint8_t)(drive_die(drive, 160 + cause, 2) ? UINT8_MAX : 0);
    }
    return input;
}

static void fill_result(struct drive *drive, struct input *input)
{
    input->as.result.digest = drive_die(drive, 40, 10) == 0 ? 8 : 7;
    input->as.result.end = (uint8_t)(1 + drive_die(drive, 41, END_COUNT - 1));
    input->as.result.reason = (uint8_t)drive_die(drive, 42, REASON_COUNT);
    input->as.result.attempts = drive_die(drive, 43, 4);
    input->as.result.cause = (uint8_t)drive_die(drive, 49, 256);
    input->blob = puppet_blob(drive->puppet);
}

static void fill_ledger(struct drive *drive, const struct effect *effect, struct input *input)
{
    bool ours = drive_die(drive, 44, 2) == 0;
    input->as.ledger.revision = ours && effect->kind == EFFECT_LEDGER_PUT ? drive->step + 1 : drive_die(drive, 45, 3);
    input->as.ledger.nonce = 1;
    input->as.ledger.attempts = drive_die(drive, 46, 20) == 0 ? UINT32_MAX : drive_die(drive, 46, 3);
    input->as.ledger.starts = drive_die(drive, 47, 20) == 0 ? UINT32_MAX : drive_die(drive, 47, 3);
    input->as.ledger.last = (uint8_t)drive_die(drive, 151, CAUSE_COUNT + 4);
    bool ended = drive_die(drive, 154, 8) == 0;
    input->as.ledger.end = (uint8_t)(!ended                         ? END_NONE
                                     : drive_die(drive, 155, 4) > 0 ? END_DEAD_LETTERED
                                                                    : drive_die(drive, 155, 256));
    input->as.ledger.reason = (uint8_t)(ended ? drive_die(drive, 156, 256) : REASON_NONE);
    input->as.ledger.causes.count[drive_die(drive, 152, CAUSE_KEPT)] = (uint8_t)drive_die(drive, 153, 256);
    uint32_t row = handle_index(effect->about);
    if (ours && effect->kind == EFFECT_LEDGER_GET && handle_table(effect->about) == TABLE_DELIVERY) {
        input->as.ledger.nonce = delivery_at(drive->puppet->core, row)->nonce;
        input->as.ledger.revision =
            drive_die(drive, 48, 2) ? delivery_at(drive->puppet->core, row)->revision : drive->step;
    }
}

struct input drive_completion(struct drive *drive, const struct effect *effect, enum outcome outcome)
{
    static const uint16_t codes[] = { 10071, 10077, 10054, 503, 10060 };
    struct input input = { .answers = effect->operation, .outcome = (uint8_t)outcome };
    input.code = outcome == OUTCOME_REFUSED ? codes[drive_die(drive, 50, 5)] : 0;
    switch (effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
    case EFFECT_PUBLISH_CANCELLED:
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
        input.kind = INPUT_PUBLISHED;
        input.as.published.duplicate = drive_die(drive, 51, 4) == 0;
        break;
    case EFFECT_FETCH_RESULT:
        input.kind = INPUT_RESULT;
        if (outcome == OUTCOME_DONE) {
            fill_result(drive, &input);
        }
        break;
    case EFFECT_FIND_REQUEST:
        input.kind = INPUT_FOUND;
        input.as.found.sequence = 100 + drive_die(drive, 56, REQUESTS) * 10;
        input.as.found.end = drive_die(drive, 61, 16) == 0 ? END_DEAD_LETTERED : END_NONE;
        break;
    case EFFECT_REMOVE_REQUEST:
        input.kind = INPUT_REMOVED;
        break;
    case EFFECT_LEDGER_GET:
    case EFFECT_LEDGER_PUT:
        input.kind = INPUT_LEDGER;
        fill_ledger(drive, effect, &input);
        break;
    case EFFECT_PULL:
        input.kind = INPUT_PULL_ENDED;
        input.as.pull.unfilled = drive_die(drive, 52, effect->count + 1);
        input.code = drive_die(drive, 53, 8) == 0 ? 409 : drive_die(drive, 53, 8) == 1 ? 503 : 408;
        break;
    case EFFECT_BUILD:
        input.kind = INPUT_BUILT;
        input.code = outcome == OUTCOME_DONE || drive_die(drive, 54, 2) ? REASON_NONE : REASON_RUNTIME_UNAVAILABLE;
        break;
    default:
        input.kind = INPUT_CONSUMER_READY;
        input.as.consumer.fresh_after = 100 + drive_die(drive, 55, REQUESTS) * 10;
    }
    return input;
}

static struct input worker_fact(struct drive *drive, const struct effect *effect)
{
    static const uint8_t kinds[] = {
        INPUT_WORKER_READY,  INPUT_WORKER_RESULT, INPUT_WORKER_RESULT, INPUT_WORKER_ERROR,
        INPUT_WORKER_RESULT, INPUT_WORKER_BROKEN, INPUT_WORKER_EXITED, INPUT_WORKER_EXITED
    };
    struct input input = { .kind = kinds[drive_die(drive, 60, 8)], .about = effect->about };
    if (effect->kind == EFFECT_EXECUTE && drive->seed % 4 == 3 && drive_die(drive, 99, 8) > 0) {
        return (struct input){ .kind = INPUT_TICK }; /* some worlds are slow: most of what runs overruns its timeout */
    }
    if (effect->kind == EFFECT_START_WORKER && drive_die(drive, 61, 4) > 0) {
        input.kind = INPUT_WORKER_READY;
    } else if (effect->kind == EFFECT_EXECUTE && drive_die(drive, 61, 4) > 0) {
        input.kind = drive_die(drive, 61, 4) > 1 ? INPUT_WORKER_RESULT : INPUT_WORKER_ERROR;
    } else if ((effect->kind == EFFECT_STOP_WORKER || effect->kind == EFFECT_KILL_WORKER) &&
               drive_die(drive, 61, 4) > 1) {
        input.kind = INPUT_WORKER_EXITED;
    }
    bool answers = input.kind == INPUT_WORKER_RESULT || input.kind == INPUT_WORKER_ERROR;
    input.blob = answers && drive_die(drive, 62, 4) > 0 ? puppet_blob(drive->puppet) : (struct blob){ 0 };
    input.code = input.kind == INPUT_WORKER_EXITED && drive_die(drive, 63, 4) == 0 ? REASON_OUT_OF_MEMORY : REASON_NONE;
    input.as.worker.stream = effect->stream;
    input.as.worker.concurrency = (uint16_t)drive_die(drive, 64, 5);
    input.as.worker.ahead = (uint8_t)drive_die(drive, 98, 2);
    input.as.worker.class = (uint8_t)drive_die(drive, 65, 4);
    input.as.worker.after_ns = drive_die(drive, 66, 10) == 0 ? UINT64_MAX : drive_die(drive, 66, 10) * MS;
    return input;
}

static struct input answer(struct drive *drive)
{
    uint32_t known = drive->asked_count < DRIVE_NOTES ? drive->asked_count : DRIVE_NOTES;
    if (known == 0) {
        return function_fact(drive);
    }
    uint32_t back =
        drive_die(drive, 67, 3) == 0 ? drive_die(drive, 68, known) : drive_die(drive, 68, known < 6 ? known : 6);
    const struct effect *effect = &drive->asked[(drive->asked_count - 1 - back) % DRIVE_NOTES];
    if (effect->operation == 0) {
        return worker_fact(drive, effect);
    }
    uint32_t roll = drive_die(drive, 69, 10);
    return drive_completion(drive, effect, roll < 6 ? OUTCOME_DONE : roll < 9 ? OUTCOME_REFUSED : OUTCOME_UNKNOWN);
}

/* Anything at all, but for what the adapters never send. */
static struct input noise(struct drive *drive)
{
    struct input input = { .kind = (uint8_t)drive_die(drive, 70, INPUT_COUNT),
                           .outcome = (uint8_t)drive_die(drive, 71, 4) };
    if (input.kind == INPUT_CALL || input.kind == INPUT_DELIVERY || input.kind == INPUT_DRAIN ||
        input.kind == INPUT_LINK_UP || input.kind == INPUT_FUNCTION_SET || input.kind == INPUT_SETTING) {
        input.kind = INPUT_HEARD;
    }
    input.answers = draw(drive->seed, drive->step, DRAW_USER, 72) & draw(drive->seed, drive->step, DRAW_USER, 73);
    input.about.bits = (uint32_t)draw(drive->seed, drive->step, DRAW_USER, 74);
    input.epoch = drive_die(drive, 75, 4);
    input.code = (uint16_t)drive_die(drive, 76, 1 << 16);
    input.blob = drive_die(drive, 77, 2) ? puppet_blob(drive->puppet) : (struct blob){ 0 };
    uint64_t words[sizeof input.as / sizeof(uint64_t)];
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        words[i] = draw(drive->seed, drive->step, DRAW_USER, 80 + i);
    }
    memcpy(&input.as, words, sizeof words);
    return input;
}

static struct input link_fact(struct drive *drive)
{
    if (drive->puppet->core->link_up && drive_die(drive, 90, 3) > 0) {
        return (struct input){ .kind = INPUT_LINK_DOWN };
    }
    drive->puppet->epoch++;
    return (struct input){ .kind = INPUT_LINK_UP };
}

/* Of any request, or of one that is in hand just now. */
static struct input cancel_heard(struct drive *drive)
{
    struct core *core = drive->puppet->core;
    const struct delivery *row = delivery_at(core, drive_die(drive, 37, core->deliveries.rows));
    struct input input = { .kind = INPUT_CANCEL_HEARD };
    bool in_hand = row->row.state != DELIVERY_FREE && drive_die(drive, 38, 4) > 0;
    input.as.cancel.request = in_hand ? row->request : puppet_request(drive_die(drive, 39, REQUESTS));
    return input;
}

/* Any setting, to at most twice what it is in other tests. */
static struct input setting(struct drive *drive)
{
    struct input input = { .kind = INPUT_SETTING, .as.setting.which = (uint8_t)drive_die(drive, 34, SETTING_COUNT) };
    const uint64_t *values = (const uint64_t *)&puppet_settings;
    uint64_t value = values[input.as.setting.which];
    bool jitter = input.as.setting.which == SETTING_jitter;
    input.as.setting.value = jitter ? drive_die(drive, 35, 4) : value / 4 + value * drive_die(drive, 35, 8) / 4;
    return input;
}

static struct input rare(struct drive *drive)
{
    struct input input = { .kind = INPUT_CLOCK };
    switch (drive_die(drive, 91, 10)) {
    case 0:
    case 1:
        return link_fact(drive);
    case 2:
        return function_fact(drive);
    case 3:
        input.as.clock.offset_ns_min = (int64_t)(drive_die(drive, 92, 3) * SECOND);
        input.as.clock.offset_ns_max = (int64_t)(drive_die(drive, 92, 3) * SECOND + MS);
        return input;
    case 4:
        input = (struct input){ .kind = INPUT_ANSWER };
        fill_result(drive, &input);
        input.as.result.request = puppet_request(drive_die(drive, 93, REQUESTS));
        return input;
    case 5:
        return (struct input){ .kind = INPUT_CALL_CANCELLED, .about = drive->calls[drive_die(drive, 94, DRIVE_NOTES)] };
    case 6:
        return drive_die(drive, 36, 4) == 0 ? setting(drive) : cancel_heard(drive);
    case 7:
        return cancel_heard(drive);
    default:
        return noise(drive);
    }
}

static uint32_t delivery_in(struct core *core, enum delivery_state state)
{
    uint32_t at = 0;
    while (at < core->deliveries.rows && delivery_at(core, at)->row.state != state) {
        at++;
    }
    return at < core->deliveries.rows ? at : NOWHERE;
}

/* Runs, while others of its function wait. */
static uint32_t delivery_ahead_of_others(struct core *core)
{
    uint32_t at = 0;
    while (at < core->deliveries.rows && !(delivery_at(core, at)->row.state == DELIVERY_RUNNING &&
                                           function_at(core, delivery_at(core, at)->function)->queue.count > 0)) {
        at++;
    }
    return at < core->deliveries.rows ? at : NOWHERE;
}

/* One that has overrun its timeout takes its neighbours with it; NOWHERE if there is none. */
static uint32_t overdue_with_neighbours(struct core *core)
{
    uint32_t at = 0;
    while (at < core->workers.rows && !(worker_at(core, at)->row.state == WORKER_BUSY && worker_at(core, at)->overdue &&
                                        worker_at(core, at)->running.count > 0)) {
        at++;
    }
    return at < core->workers.rows ? at : NOWHERE;
}

struct input drive_fact(struct drive *drive)
{
    struct core *core = drive->puppet->core;
    uint32_t roll = drive_die(drive, 1, 100), overdue = overdue_with_neighbours(core);
    if (drive->step % 5000 == 4000 && drive_die(drive, 2, 3) == 0) {
        return (struct input){ .kind = INPUT_DRAIN, .as.drain.grace_ns = drive_die(drive, 3, 5) * SECOND };
    }
    if (overdue != NOWHERE && drive_die(drive, 4, 2) == 0) {
        return (struct input){ .kind = INPUT_WORKER_EXITED, .about = pool_handle(core, &core->workers, overdue) };
    }
    uint32_t ahead = delivery_ahead_of_others(core), charged = delivery_in(core, DELIVERY_CHARGING);
    uint32_t runs = ahead != NOWHERE ? ahead : delivery_in(core, DELIVERY_RUNNING);
    if (charged != NOWHERE && drive_die(drive, 158, 20) == 0) {
        return policy_fact(drive, function_at(core, delivery_at(core, charged)->function)->name);
    }
    if (runs != NOWHERE && drive->seed % 2 == 1 &&
        (drive->step / 64 % 3 == 0 ||
         drive_die(drive, 159, ahead != NOWHERE ? 2 : 6) == 0)) { /* some crash and crash */
        return (struct input){ .kind = INPUT_WORKER_EXITED,
                               .about = pool_handle(core, &core->workers, delivery_at(core, runs)->worker) };
    }
    return roll < 45   ? answer(drive)
           : roll < 65 ? delivery(drive)
           : roll < 75 ? call(drive)
           : roll < 85 ? rare(drive)
                       : (struct input){ .kind = INPUT_TICK };
}
