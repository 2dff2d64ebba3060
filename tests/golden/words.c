/* Facts in words. The first word says which fact, the second whom it is about, options follow by name:
 *
 *     link up|down|refused                 published R [duplicate] [refused CODE] [unknown]
 *     deploy F@V [retries N] [workers N]   deliver R F sequence N [try N] [reply] [alias N]
 *       [concurrency N] [timeout MS]       result R              error R retry|permanent|throttle [after MS]
 *       [of F] [alias N] [weight N]        setting NAME VALUE
 *       [closing drain|end] [elsewhere]      [budget MS] [age MS]
 *       [paused] [pending N]
 *     remove F                             ready|exited|broken wN, exited wN hungry
 *     built F [failed]                     stored|buried R [refused CODE] [unknown]
 *     consumer F [after SEQUENCE] [first N] [floor N] [messages N] [waiting N] [pending N]
 *       [renewed]
 *                                          ledger R empty|lost|unknown|refused CODE|written V|ours V
 *                                            |holds A starts S revision V
 *                                            [last CAUSE] [CAUSE N] [ended REASON]
 *     call R F [budget MS]                 fetched R none|END [attempts N]
 *     gone R (its caller)                  answer R END [attempts N]
 *     submit R F [budget MS]               pull-ended F [unfilled N] [code N]
 *     await|look|cancel R [budget MS]      found R sequence N|none|unknown
 *     heard R (that it is cancelled)       cancelled|removed R [refused CODE] [unknown]
 *     drain grace MS                       policy F [base MS] [max MS] [jitter none|full|equal|decorrelated] [CAUSE N]
 *     release F                              [least N] [age MS] [size BYTES]
 *     change heard|found
 *     drain grace MS                       queue F messages N [takers N] [oldest MS]     stray F messages N
 *     walked R F sequence N last N [budget MS] [age MS], walked none|unknown [last N]
 *     leased [revision N] [refused 1] [unknown]                               clock (from now on age counts) */
#include "tests/golden/stage.h"

#include <stdlib.h>
#include <string.h>

#include "core/index.h"
#include "core/pool.h"

#define CLOCK_NS INT64_C(1000000000000) /* the broker's wall clock less the stage's */

static bool has(const struct words *words, const char *word)
{
    for (uint32_t i = 2; i < words->count; i++) {
        if (strcmp(words->word[i], word) == 0) {
            return true;
        }
    }
    return false;
}

uint64_t words_option(const struct words *words, const char *name, uint64_t otherwise)
{
    for (uint32_t i = 1; i + 1 < words->count; i++) {
        if (strcmp(words->word[i], name) == 0) {
            return strtoull(words->word[i + 1], NULL, 10);
        }
    }
    return otherwise;
}

static uint64_t option_ns(const struct words *words, const char *name, uint64_t otherwise_ms)
{
    return words_option(words, name, otherwise_ms) * 1000000;
}

/* The function part of "resize@1". */
static struct key function_key(struct stage *stage, const char *word)
{
    char text[NAME_SIZE];
    snprintf(text, sizeof text, "%.*s", (int)strcspn(word, "@"), word);
    return stage_key(stage, text);
}

static struct handle function_handle(struct stage *stage, struct actor *actor, const char *word)
{
    uint32_t index = index_find_function(actor->core, function_key(stage, word));
    if (index == NOWHERE) {
        stage_fail(stage, "no such function", word);
    }
    return pool_handle(actor->core, &actor->core->functions, index);
}

static struct handle worker_handle(struct stage *stage, struct actor *actor, const char *word)
{
    uint32_t number = word[0] == 'w' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
    if (number == 0 || number > actor->workers_count) {
        stage_fail(stage, "no such worker", word);
    }
    return actor->workers[number - 1];
}

static uint8_t end_of(const struct stage *stage, const char *word)
{
    for (int end = 1; end < END_COUNT; end++) {
        if (strcmp(end_name((enum end)end), word) == 0) {
            return (uint8_t)end;
        }
    }
    stage_fail(stage, "no such end", word);
}

static void set_outcome(const struct words *words, struct input *input)
{
    input->code = (uint16_t)words_option(words, "refused", 0);
    input->outcome = has(words, "refused") ? OUTCOME_REFUSED : has(words, "unknown") ? OUTCOME_UNKNOWN : OUTCOME_DONE;
}

/* -- one function a fact ----------------------------------------------------------------------------------------- */

static void tell_link(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    bool up = strcmp(words->word[1], "up") == 0;
    actor->epoch += up;
    bool refused = strcmp(words->word[1], "refused") == 0;
    input->kind = up ? INPUT_LINK_UP : refused ? INPUT_LINK_REFUSED : INPUT_LINK_DOWN;
}

/* What a route is of, how a function closes, and that others serve it. */
static void tell_share(struct stage *stage, const struct words *words, struct input *input)
{
    for (uint32_t i = 2; i + 1 < words->count; i++) {
        if (strcmp(words->word[i], "of") == 0) {
            input->as.function.of = function_key(stage, words->word[i + 1]);
        }
    }
    input->as.function.alias = (uint8_t)words_option(words, "alias", 0);
    input->as.function.weight = (uint8_t)words_option(words, "weight", 0);
    input->as.function.elsewhere = has(words, "elsewhere");
    input->as.function.paused = has(words, "paused");
    input->as.function.pending_max = (uint32_t)words_option(words, "pending", 0);
    if (has(words, "closing")) {
        input->as.function.closing = has(words, "end") ? CLOSING_END : CLOSING_DRAIN;
    }
}

static void tell_deploy(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_FUNCTION_SET;
    input->as.function.name = function_key(stage, words->word[1]);
    input->as.function.version = stage_key(stage, words->word[1]);
    input->as.function.retries_max = (uint16_t)words_option(words, "retries", 0);
    input->as.function.workers_max = (uint16_t)words_option(words, "workers", 1);
    input->as.function.concurrency = (uint16_t)words_option(words, "concurrency", 1);
    input->as.function.timeout_ns = option_ns(words, "timeout", 1000);
    input->as.function.keep_alive_ns = option_ns(words, "keep-alive", 600000);
    tell_share(stage, words, input);
}

static void tell_setting(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
#define X(name, meaning) #name,
    static const char *const names[] = { SETTINGS(X) };
#undef X
    input->kind = INPUT_SETTING;
    while (strcmp(names[input->as.setting.which], words->word[1]) != 0) {
        if (++input->as.setting.which == SETTING_COUNT) {
            stage_fail(stage, "no such setting", words->word[1]);
        }
    }
    input->as.setting.value = words_option(words, words->word[1], 0);
}

static void tell_remove(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_FUNCTION_REMOVED;
    input->as.function.name = function_key(stage, words->word[1]);
}

static void tell_built(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_BUILT;
    input->answers = stage_question(stage, actor, EFFECT_BUILD, function_key(stage, words->word[1]))->operation;
    input->outcome = has(words, "failed") ? OUTCOME_REFUSED : OUTCOME_DONE;
}

static void tell_consumer(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    struct key function = function_key(stage, words->word[1]);
    input->kind = INPUT_CONSUMER_READY;
    bool renewed = has(words, "renewed");
    input->answers =
        stage_question(stage, actor, renewed ? EFFECT_RENEW_CONSUMER : EFFECT_ENSURE_CONSUMER, function)->operation;
    input->as.consumer.fresh_after = words_option(words, "after", 0);
    input->as.consumer.first = words_option(words, "first", 0);
    input->as.consumer.floor = words_option(words, "floor", 0);
    input->as.consumer.messages_min = (uint32_t)words_option(words, "messages", 0);
    input->as.consumer.messages_max = input->as.consumer.messages_min;
    input->as.consumer.waiting = (uint32_t)words_option(words, "waiting", 0);
    input->as.consumer.ack_pending = (uint32_t)words_option(words, "pending", 0);
}

static void tell_pull_ended(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_PULL_ENDED;
    input->answers = stage_question(stage, actor, EFFECT_PULL, function_key(stage, words->word[1]))->operation;
    input->as.pull.unfilled = (uint32_t)words_option(words, "unfilled", 1);
    input->code = (uint16_t)words_option(words, "code", 408);
}

static void tell_call(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_CALL;
    input->as.call.request = stage_key(stage, words->word[1]);
    input->as.call.function = function_key(stage, words->word[2]);
    input->as.call.budget_ns = option_ns(words, "budget", 0);
    input->as.call.digest = 1;
    input->as.call.kind = strcmp(words->word[0], "submit") == 0 ? CALL_KIND_SUBMIT : CALL_KIND_EXECUTE;
    input->as.call.size = 1;
    input->blob = stage_blob(actor, input->as.call.request);
}

static void tell_door(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_CALL;
    input->as.call.request = stage_key(stage, words->word[1]);
    input->as.call.budget_ns = option_ns(words, "budget", 0);
    input->as.call.kind = strcmp(words->word[0], "await") == 0  ? CALL_KIND_AWAIT
                          : strcmp(words->word[0], "look") == 0 ? CALL_KIND_LOOK
                                                                : CALL_KIND_CANCEL;
}

static void tell_found(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_FOUND;
    input->answers = stage_question(stage, actor, EFFECT_FIND_REQUEST, stage_key(stage, words->word[1]))->operation;
    input->outcome = has(words, "none") ? OUTCOME_REFUSED : has(words, "unknown") ? OUTCOME_UNKNOWN : OUTCOME_DONE;
    input->as.found.sequence = words_option(words, "sequence", 0);
    input->as.found.end = has(words, "ended") ? END_DEAD_LETTERED : END_NONE;
}

static void tell_removed(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_REMOVED;
    input->answers = stage_question(stage, actor, EFFECT_REMOVE_REQUEST, stage_key(stage, words->word[1]))->operation;
    set_outcome(words, input);
}

static void tell_heard(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_CANCEL_HEARD;
    input->as.cancel.request = stage_key(stage, words->word[1]);
}

static void tell_gone(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    uint32_t index = index_next_call(actor->core, stage_key(stage, words->word[1]), NOWHERE);
    if (index == NOWHERE) {
        stage_fail(stage, "nobody waits", words->word[1]);
    }
    input->kind = INPUT_CALL_CANCELLED;
    input->about = pool_handle(actor->core, &actor->core->calls, index);
}

static void tell_published(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    static const struct {
        const char *word;
        enum effect_kind kind;
    } kinds[] = { { "published", EFFECT_PUBLISH_REQUEST },
                  { "stored", EFFECT_PUBLISH_RESULT },
                  { "cancelled", EFFECT_PUBLISH_CANCELLED },
                  { "buried", EFFECT_PUBLISH_DEAD } };
    enum effect_kind kind = EFFECT_COUNT;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        kind = strcmp(kinds[i].word, words->word[0]) == 0 ? kinds[i].kind : kind;
    }
    input->kind = INPUT_PUBLISHED;
    input->answers = stage_question(stage, actor, kind, stage_key(stage, words->word[1]))->operation;
    input->as.published.duplicate = has(words, "duplicate");
    set_outcome(words, input);
}

static void tell_deliver(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_DELIVERY;
    input->about = function_handle(stage, actor, words->word[2]);
    input->as.delivery.request = stage_key(stage, words->word[1]);
    input->as.delivery.digest = 1;
    input->as.delivery.sequence = words_option(words, "sequence", 0);
    input->as.delivery.delivered = (uint32_t)words_option(words, "try", 1);
    input->as.delivery.has_reply_to = has(words, "reply");
    input->as.delivery.budget_ns = option_ns(words, "budget", 0);
    input->as.delivery.stored_ns = CLOCK_NS + (int64_t)stage->now_ns - (int64_t)option_ns(words, "age", 0);
    input->as.delivery.alias = (uint8_t)words_option(words, "alias", ALIAS_LIVE);
    input->as.delivery.size = 1;
    input->blob = stage_blob(actor, input->as.delivery.request);
}

static void tell_run(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    struct key request = stage_key(stage, words->word[1]);
    const struct run *run = stage_run(stage, actor, request);
    bool error = strcmp(words->word[0], "error") == 0;
    input->kind = error ? INPUT_WORKER_ERROR : INPUT_WORKER_RESULT;
    input->about = run->worker;
    input->as.worker.stream = run->stream;
    input->as.worker.class = (uint8_t)(has(words, "permanent")  ? ERROR_PERMANENT
                                       : has(words, "throttle") ? ERROR_THROTTLE
                                                                : ERROR_RETRY);
    input->as.worker.after_ns = option_ns(words, "after", 0);
    input->blob = stage_blob(actor, request);
}

static void tell_worker(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = strcmp(words->word[0], "ready") == 0    ? INPUT_WORKER_READY
                  : strcmp(words->word[0], "exited") == 0 ? INPUT_WORKER_EXITED
                                                          : INPUT_WORKER_BROKEN;
    input->about = worker_handle(stage, actor, words->word[1]);
    input->code = has(words, "hungry") ? REASON_OUT_OF_MEMORY : REASON_NONE;
    input->as.worker.concurrency = UINT16_MAX;
}

static void tell_causes(const struct words *words, uint8_t counts[CAUSE_KEPT])
{
    for (int cause = 1; cause < CAUSE_KEPT; cause++) {
        counts[cause] = (uint8_t)words_option(words, cause_text((enum cause)cause), counts[cause]);
    }
}

static void tell_policy(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    static const char *const jitters[] = { "none", "full", "equal", "decorrelated" };
    input->kind = INPUT_FUNCTION_POLICY;
    input->as.policy.concurrency_min = (uint16_t)words_option(words, "least", 0);
    input->as.policy.age_ns_max = option_ns(words, "age", 0);
    input->as.policy.size_max = words_option(words, "size", 0);
    input->as.policy.name = function_key(stage, words->word[1]);
    input->as.policy.retry_ns_base = option_ns(words, "base", 0);
    input->as.policy.retry_ns_max = option_ns(words, "max", 0);
    for (size_t i = 0; i < sizeof jitters / sizeof jitters[0]; i++) {
        input->as.policy.jitter = has(words, jitters[i]) ? (uint8_t)(i + 1) : input->as.policy.jitter;
    }
    memset(input->as.policy.retries, UINT8_MAX, sizeof input->as.policy.retries);
    tell_causes(words, input->as.policy.retries);
}

static void tell_release(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_RELEASE;
    input->as.function.name = function_key(stage, words->word[1]);
}

/* The last question to the ledger about that request, a read or a write. */
static void tell_ledger(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    struct key request = stage_key(stage, words->word[1]);
    bool refused = has(words, "refused"), write = refused || has(words, "written") || has(words, "lost") ||
                                                  (has(words, "unknown") && !has(words, "read"));
    const struct question *question =
        stage_question(stage, actor, write ? EFFECT_LEDGER_PUT : EFFECT_LEDGER_GET, request);
    input->kind = INPUT_LEDGER;
    input->answers = question->operation;
    input->outcome = has(words, "empty") || has(words, "lost") || refused ? OUTCOME_REFUSED
                     : has(words, "unknown")                              ? OUTCOME_UNKNOWN
                                                                          : OUTCOME_DONE;
    input->code = (uint16_t)words_option(words, "refused", 0);
    input->as.ledger.attempts = (uint32_t)words_option(words, "holds", 0);
    input->as.ledger.starts = (uint32_t)words_option(words, "starts", 0);
    input->as.ledger.revision = words_option(words, write ? "written" : "revision", 0);
    tell_causes(words, input->as.ledger.causes.count);
    for (uint32_t i = 2; i + 1 < words->count; i++) {
        for (int cause = 0; strcmp(words->word[i], "last") == 0 && cause < CAUSE_COUNT; cause++) {
            bool named = strcmp(words->word[i + 1], cause_text((enum cause)cause)) == 0;
            input->as.ledger.last = named ? (uint8_t)cause : input->as.ledger.last;
        }
        for (int reason = 0; strcmp(words->word[i], "ended") == 0 && reason < REASON_COUNT; reason++) {
            bool named = strcmp(words->word[i + 1], reason_name((enum reason)reason)) == 0;
            input->as.ledger.reason = named ? (uint8_t)reason : input->as.ledger.reason;
            input->as.ledger.end = END_DEAD_LETTERED;
        }
    }
    if (has(words, "ours")) {
        input->as.ledger.revision = words_option(words, "ours", 0);
        input->as.ledger.nonce = stage_question(stage, actor, EFFECT_LEDGER_PUT, request)->nonce;
    }
}

static void tell_result(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    bool fetched = strcmp(words->word[0], "fetched") == 0;
    struct key request = stage_key(stage, words->word[1]);
    input->kind = fetched ? INPUT_RESULT : INPUT_ANSWER;
    input->answers = fetched ? stage_question(stage, actor, EFFECT_FETCH_RESULT, request)->operation : 0;
    if (has(words, "none")) {
        input->outcome = OUTCOME_REFUSED;
        return;
    }
    input->as.result.request = request;
    input->as.result.digest = 1;
    input->as.result.end = end_of(stage, words->word[2]);
    input->as.result.attempts = (uint32_t)words_option(words, "attempts", 1);
    input->blob = stage_blob(actor, request);
}

static void tell_queue(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = strcmp(words->word[0], "stray") == 0 ? INPUT_STRAY : INPUT_QUEUE;
    input->as.queue.function = function_key(stage, words->word[1]);
    input->as.queue.messages = (uint32_t)words_option(words, "messages", 0);
    input->as.queue.takers = (uint32_t)words_option(words, "takers", 0);
    input->as.queue.oldest_ns = option_ns(words, "oldest", 0);
}

static void tell_change(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_CHANGE;
    input->as.change.looked_for = strcmp(words->word[1], "found") == 0;
}

static void tell_leased(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_LEASE;
    input->answers = stage_question(stage, actor, EFFECT_LEASE_PUT, (struct key){ 0 })->operation;
    input->as.lease.revision = words_option(words, "revision", 0);
    input->outcome = strcmp(words->word[1], "unknown") == 0   ? OUTCOME_UNKNOWN
                     : strcmp(words->word[1], "refused") == 0 ? OUTCOME_REFUSED
                                                              : OUTCOME_DONE;
}

static void tell_walked(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_WALKED;
    input->answers = stage_question(stage, actor, EFFECT_WALK, (struct key){ 0 })->operation;
    input->as.walked.last = words_option(words, "last", 0);
    if (words->count < 3 || strcmp(words->word[1], "none") == 0 || strcmp(words->word[1], "unknown") == 0) {
        input->outcome = strcmp(words->word[1], "none") == 0 ? OUTCOME_REFUSED : OUTCOME_UNKNOWN;
        return;
    }
    input->as.walked.request = stage_key(stage, words->word[1]);
    input->as.walked.function = function_key(stage, words->word[2]);
    input->as.walked.digest = 1;
    input->as.walked.sequence = words_option(words, "sequence", 0);
    input->as.walked.budget_ns = option_ns(words, "budget", 0);
    input->as.walked.stored_ns = CLOCK_NS + (int64_t)stage->now_ns - (int64_t)option_ns(words, "age", 0);
    input->blob = stage_blob(actor, input->as.walked.request);
}

static void tell_clock(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_CLOCK;
    input->as.clock.offset_ns_min = input->as.clock.offset_ns_max = CLOCK_NS;
}

static void tell_drain(struct stage *stage, struct actor *actor, const struct words *words, struct input *input)
{
    input->kind = INPUT_DRAIN;
    input->as.drain.grace_ns = option_ns(words, "grace", 0);
}

static const struct {
    const char *word;
    void (*tell)(struct stage *stage, struct actor *actor, const struct words *words, struct input *input);
    uint32_t words_min;
} facts[] = {
    { "link", tell_link, 2 },        { "deploy", tell_deploy, 2 },     { "remove", tell_remove, 2 },
    { "built", tell_built, 2 },      { "consumer", tell_consumer, 2 }, { "pull-ended", tell_pull_ended, 2 },
    { "call", tell_call, 3 },        { "gone", tell_gone, 2 },         { "published", tell_published, 2 },
    { "stored", tell_published, 2 }, { "buried", tell_published, 2 },  { "deliver", tell_deliver, 3 },
    { "result", tell_run, 2 },       { "error", tell_run, 3 },         { "ready", tell_worker, 2 },
    { "exited", tell_worker, 2 },    { "broken", tell_worker, 2 },     { "ledger", tell_ledger, 3 },
    { "fetched", tell_result, 3 },   { "answer", tell_result, 3 },     { "drain", tell_drain, 1 },
    { "submit", tell_call, 3 },      { "await", tell_door, 2 },        { "look", tell_door, 2 },
    { "cancel", tell_door, 2 },      { "found", tell_found, 3 },       { "cancelled", tell_published, 2 },
    { "policy", tell_policy, 2 },    { "release", tell_release, 2 },   { "removed", tell_removed, 2 },
    { "heard", tell_heard, 2 },      { "setting", tell_setting, 3 },   { "queue", tell_queue, 4 },
    { "stray", tell_queue, 4 },      { "leased", tell_leased, 2 },     { "clock", tell_clock, 1 },
    { "change", tell_change, 2 },    { "walked", tell_walked, 2 },
};

void stage_tell(struct stage *stage, struct actor *actor, const struct words *words)
{
    struct input input = { 0 };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (strcmp(facts[i].word, words->word[0]) == 0 && words->count >= facts[i].words_min) {
            facts[i].tell(stage, actor, words, &input);
            stage_input(stage, actor, input);
            return;
        }
    }
    stage_fail(stage, "no such fact, or too few words", words->word[0]);
}
