/* Effects as lines. Housekeeping between the core and its adapters (DROP_BLOB, FORGET, ADMIT) is left out: it says
 * nothing about the protocol. */
#include "tests/golden/stage.h"

#include <inttypes.h>

static struct key function_of(struct actor *actor, struct handle handle)
{
    return function_at(actor->core, handle_index(handle))->name;
}

static uint32_t worker_number(const struct actor *actor, struct handle handle)
{
    uint32_t number = actor->workers_count;
    while (number > 0 && !handle_equal(actor->workers[number - 1], handle)) {
        number--;
    }
    return number;
}

static bool is_about_a_function(const struct effect *effect)
{
    return effect->kind == EFFECT_PULL || effect->kind == EFFECT_BUILD || effect->kind == EFFECT_ENSURE_CONSUMER ||
           effect->kind == EFFECT_RENEW_CONSUMER;
}

static void remember(struct actor *actor, const struct effect *effect)
{
    if (effect->kind == EFFECT_START_WORKER) {
        ASSERT(actor->workers_count < WORKERS);
        actor->workers[actor->workers_count++] = effect->about;
    } else if (effect->kind == EFFECT_EXECUTE) {
        ASSERT(actor->runs_count < QUESTIONS);
        actor->runs[actor->runs_count++] = (struct run){ effect->key, effect->about, effect->stream };
    } else if (effect->operation != 0) {
        ASSERT(actor->questions_count < QUESTIONS);
        actor->questions[actor->questions_count++] = (struct question){
            .kind = (enum effect_kind)effect->kind,
            .about = is_about_a_function(effect) ? function_of(actor, effect->about) : effect->key,
            .operation = effect->operation,
            .nonce = effect->amount,
        };
    }
}

static uint64_t ms(uint64_t ns)
{
    return ns / 1000000;
}

/* " (error 2, crash 1)" */
static void write_causes(FILE *out, const struct effect *effect)
{
    const char *before = " (";
    for (int cause = 1; cause < CAUSE_KEPT; cause++) {
        if (effect->causes.count[cause] > 0) {
            fprintf(out, "%s%s %u", before, cause_text((enum cause)cause), effect->causes.count[cause]);
            before = ", ";
        }
    }
    fputs(before[0] == ',' ? ")" : "", out);
}

/* "succeeded, attempts 1" or "failed: FUNCTION_ERROR, attempts 1" or, at the door, "refused: QUEUE_FULL". */
static void write_end(FILE *out, const struct effect *effect)
{
    if (effect->end == END_NONE && effect->code == REASON_NONE) {
        fprintf(out, "accepted%s", effect->starts != 0 ? ", known before" : "");
        return;
    }
    if (effect->end == END_NONE) {
        fprintf(out, "refused: %s", reason_name((enum reason)effect->code));
        return;
    }
    fprintf(out, "%s", end_name((enum end)effect->end));
    if (effect->code != REASON_NONE) {
        fprintf(out, ": %s", reason_name((enum reason)effect->code));
    }
    fprintf(out, ", attempts %u", effect->count);
    write_causes(out, effect);
}

static void write_ledger(FILE *out, const char *request, const struct effect *effect)
{
    fprintf(out, "ledger %s write attempts %u starts %u", request, effect->count, effect->starts);
    write_causes(out, effect);
    fputs(effect->cause != CAUSE_NONE ? " for " : "", out);
    fputs(effect->cause != CAUSE_NONE ? cause_text((enum cause)effect->cause) : "", out);
    if (effect->end != END_NONE) {
        fprintf(out, ", %s: %s", end_name((enum end)effect->end), reason_name((enum reason)effect->code));
    }
    fputs(", ", out);
    if (effect->reference == 0) {
        fprintf(out, "create only");
    } else {
        fprintf(out, "over revision %" PRIu64, effect->reference);
    }
}

static void write_worker(struct stage *stage, struct actor *actor, const struct effect *effect)
{
    FILE *out = stage->out;
    uint32_t worker = worker_number(actor, effect->about);
    switch (effect->kind) {
    case EFFECT_START_WORKER:
        fprintf(out, "start w%u of %s", worker, stage_name(stage, effect->key));
        break;
    case EFFECT_EXECUTE:
        fprintf(out, "run %s on w%u, attempt %u, timeout %" PRIu64, stage_name(stage, effect->key), worker,
                effect->count, ms(effect->amount));
        break;
    case EFFECT_CANCEL:
        for (uint32_t i = 0; i < actor->runs_count; i++) {
            const struct run *run = &actor->runs[i];
            if (handle_equal(run->worker, effect->about) && run->stream == effect->stream) {
                fprintf(out, "cancel %s on w%u", stage_name(stage, run->request), worker);
            }
        }
        break;
    default:
        fprintf(out, "%s w%u", effect->kind == EFFECT_STOP_WORKER ? "stop" : "kill", worker);
    }
}

static void write_question(struct stage *stage, struct actor *actor, const struct effect *effect)
{
    FILE *out = stage->out;
    const char *request = stage_name(stage, effect->key);
    switch (effect->kind) {
    case EFFECT_PUBLISH_REQUEST:
        fprintf(out, "publish %s to %s, budget %" PRIu64, request, stage_name(stage, function_of(actor, effect->other)),
                ms(effect->amount));
        break;
    case EFFECT_FIND_REQUEST:
        fprintf(out, "find %s in the queue", request);
        break;
    case EFFECT_PUBLISH_CANCELLED:
        fprintf(out, "store result %s (create only): cancelled", request);
        break;
    case EFFECT_REMOVE_REQUEST:
        fprintf(out, "remove %s, sequence %" PRIu64, request, effect->amount);
        break;
    case EFFECT_FETCH_RESULT:
        fprintf(out, "fetch result %s", request);
        break;
    case EFFECT_PUBLISH_RESULT:
    case EFFECT_PUBLISH_DEAD:
        fprintf(out, "%s %s (create only): ", effect->kind == EFFECT_PUBLISH_RESULT ? "store result" : "bury", request);
        write_end(out, effect);
        break;
    case EFFECT_LEDGER_GET:
        fprintf(out, "ledger %s read", request);
        break;
    case EFFECT_LEDGER_PUT:
        write_ledger(out, request, effect);
        break;
    case EFFECT_PULL:
        fprintf(out, "pull %u of %s", effect->count, stage_name(stage, function_of(actor, effect->about)));
        break;
    case EFFECT_BUILD:
        fprintf(out, "build %s", request);
        break;
    case EFFECT_RENEW_CONSUMER:
        fprintf(out, "make the consumer of %s anew", stage_name(stage, function_of(actor, effect->about)));
        break;
    case EFFECT_WALK:
        fprintf(out, "walk the queue from %" PRIu64 " to %" PRIu64, effect->amount, effect->reference);
        break;
    case EFFECT_LEASE_PUT:
        fprintf(out, "ask for the sweeper's lease, revision %" PRIu64, effect->reference);
        break;
    default:
        fprintf(out, "make sure of the consumer of %s", stage_name(stage, function_of(actor, effect->about)));
    }
}

static void write_rest(struct stage *stage, struct actor *actor, const struct effect *effect)
{
    FILE *out = stage->out;
    const char *message = stage_name(stage, actor->blobs[effect->blob.slot]);
    switch (effect->kind) {
    case EFFECT_REPLY:
    case EFFECT_ANSWER:
        fprintf(out, effect->kind == EFFECT_REPLY ? "reply %s " : "answer the gateway of %s ",
                stage_name(stage, effect->key));
        write_end(out, effect);
        break;
    case EFFECT_ANNOUNCE_CANCEL:
        fprintf(out, "tell all that %s is cancelled", stage_name(stage, effect->key));
        break;
    case EFFECT_ACK:
        fprintf(out, "ack %s", message);
        break;
    case EFFECT_EXTEND:
        fprintf(out, "extend %s", message);
        break;
    case EFFECT_HAND_BACK:
        fprintf(out, "hand back %s for %s, again in %" PRIu64, message, cause_text((enum cause)effect->cause),
                ms(effect->amount));
        break;
    case EFFECT_QUARANTINE:
        fprintf(out, effect->count != 0 ? "put %s into quarantine for %s, for %" PRIu64 : "let %s out of quarantine",
                stage_name(stage, function_of(actor, effect->about)), cause_text((enum cause)effect->cause),
                ms(effect->amount));
        break;
    case EFFECT_FUNCTION_STATE:
        fprintf(out, "%s is %s", stage_name(stage, effect->key), function_state_name(effect->count));
        if (effect->code != REASON_NONE) {
            fprintf(out, ": %s", reason_name((enum reason)effect->code));
        }
        break;
    case EFFECT_DROP_CONSUMER:
        fprintf(out, "delete the consumer of %s", stage_name(stage, function_of(actor, effect->about)));
        break;
    case EFFECT_LEASE_DROP:
        fprintf(out, "give up the sweeper's lease, revision %" PRIu64, effect->reference);
        break;
    case EFFECT_CONNECT:
    case EFFECT_PROVISION:
        fprintf(out, "%s after %" PRIu64, effect->kind == EFFECT_CONNECT ? "connect" : "provision", ms(effect->amount));
        break;
    case EFFECT_DISCONNECT:
        fprintf(out, "cut the connection: %s", disconnect_meaning((enum disconnect)effect->count));
        break;
    case EFFECT_INSTANCE_STATE:
        fprintf(out, "says that it is %s", instance_state_name(effect->count));
        break;
    default:
        fprintf(out, "%s", effect_name((enum effect_kind)effect->kind));
    }
}

void stage_hear(struct stage *stage, struct actor *actor, const struct effect *effect)
{
    remember(actor, effect);
    if (actor->silent || effect->kind == EFFECT_DROP_BLOB || effect->kind == EFFECT_FORGET ||
        effect->kind == EFFECT_ADMIT) {
        return;
    }
    fprintf(stage->out, "[%6" PRIu64 "] %s > ", ms(stage->now_ns) - 1000000, actor->name);
    if (handle_table(effect->about) == TABLE_WORKER) {
        write_worker(stage, actor, effect);
    } else if (effect->operation != 0) {
        write_question(stage, actor, effect);
    } else {
        write_rest(stage, actor, effect);
    }
    fputc('\n', stage->out);
}
