/* Each operation of a script is one call of jet.h. Deliveries and ends go to `sent`, with the connection that the pull
 * was made on: when that is cut, what nobody saw yet may be lost. */
#include "conform/model.h"

#include <stdlib.h>
#include <string.h>

enum { SAME_MOMENT_NS = 1000000, GENERATION = 64, DOWN_MS = 100 };

/* -- hooks -- */

static struct model_sent *sent_add(struct model *model, enum item_kind kind, const struct pull *pull)
{
    static struct model_sent nowhere;
    if (model->sent_count == MODEL_SENT_MAX) {
        model->overflow = true;
        return &nowhere;
    }
    struct model_sent *sent = &model->sent[model->sent_count++];
    *sent = (struct model_sent){ .item = { .at_ns = model->now_ns, .kind = kind }, .connection = pull->connection };
    sent->item.name = model->pulls[pull->operation];
    return sent;
}

static void on_deliver(void *owner, const struct pull *pull, const struct message *message)
{
    struct model_sent *sent = sent_add(owner, ITEM_DELIVERY, pull);
    sent->item.sequence = message->sequence;
    sent->item.delivered = message->delivered;
}

static void on_ended(void *owner, const struct pull *pull, uint16_t code)
{
    struct model_sent *sent = sent_add(owner, ITEM_ENDED, pull);
    sent->item.code = code == JET_LEADER_CHANGED ? JET_CONSUMER_GONE : code; /* both are a 409 */
}

static void on_arm(void *owner, uint64_t at_ns, enum jet_timer timer, uint32_t number, uint32_t stamp)
{
    struct model *model = owner;
    uint64_t spread = model->spread_ns;
    model->spread_ns = 0;
    for (uint32_t at = 0; at < MODEL_TIMERS_MAX; at++) {
        if (!model->timers[at].used || !model_alive(model, &model->timers[at])) {
            model->timers[at] = (struct model_timer){ at_ns, at_ns + spread, timer, number, stamp, true };
            return;
        }
    }
    model->overflow = true;
}

static void on_spread(void *owner, uint64_t by_ns)
{
    struct model *model = owner;
    model->spread_ns = by_ns;
}

static bool on_choose(void *owner, enum jet_choice choice)
{
    struct model *model = owner;
    return model->choose(model->owner, choice);
}

/* -- timers -- */

/* A message that is no longer pending, a pull that ended: their timers mean nothing. */
bool model_alive(const struct model *model, const struct model_timer *timer)
{
    if (timer->kind == JET_TIMER_AGE) {
        return model->jet.age_armed && model->jet.age_stamp == timer->stamp;
    }
    if (timer->kind == JET_TIMER_PULL) {
        const struct pull *pull = &model->jet.pulls[timer->number - 1];
        return pull->used && pull->stamp == timer->stamp;
    }
    if (timer->kind == JET_TIMER_MESSAGE) {
        const struct message *message = jet_message(&model->jet, timer->number);
        return message != NULL && message->stamp == timer->stamp &&
               (message->state == MESSAGE_PENDING || message->redone || message->ghost != GHOST_NONE);
    }
    return true;
}

struct model_timer *model_first(struct model *model)
{
    struct model_timer *first = NULL;
    for (uint32_t at = 0; at < MODEL_TIMERS_MAX; at++) {
        struct model_timer *timer = &model->timers[at];
        timer->used = timer->used && model_alive(model, timer);
        if (timer->used && (first == NULL || timer->from_ns < first->from_ns)) {
            first = timer;
        }
    }
    return first;
}

static bool before(const struct model_timer *one, const struct model_timer *other)
{
    return one->from_ns != other->from_ns ? one->from_ns < other->from_ns : one->number < other->number;
}

bool model_together(const struct model_timer *lead, const struct model_timer *other)
{
    enum { CHECK_NS = 10000000 }; /* one look of the server at what is due; after a restart each has its own time */
    return other->to_ns - other->from_ns <= CHECK_NS && other->kind == lead->kind && other->from_ns >= lead->from_ns &&
           other->from_ns <= lead->from_ns + SAME_MOMENT_NS;
}

void model_fire(struct model *model, const struct model_timer *timer, uint64_t at_ns)
{
    struct model_timer lead = *timer;
    model->now_ns = at_ns > model->now_ns ? at_ns : model->now_ns;
    for (;;) {
        struct model_timer *next = NULL;
        for (uint32_t at = 0; at < MODEL_TIMERS_MAX; at++) {
            struct model_timer *here = &model->timers[at];
            bool self = here->number == lead.number && here->stamp == lead.stamp && here->kind == lead.kind;
            bool same = here->used && (self || model_together(&lead, here)) && model_alive(model, here);
            next = same && (next == NULL || before(here, next)) ? here : next;
        }
        if (next == NULL) {
            return;
        }
        next->used = false;
        jet_due(&model->jet, model->now_ns, next->kind, next->number, next->stamp);
    }
}

/* -- lines -- */

static struct answer answer_make(uint16_t code)
{
    struct answer answer = { .code = code };
    for (uint32_t at = 0; at < ANSWER_NUMBERS; at++) {
        answer.numbers[at] = NUMBER_ANY;
    }
    return answer;
}

static struct answer refused(bool good)
{
    struct answer answer = answer_make(good ? 0 : CODE_UNCLEAR);
    answer.code_any = !good;
    return answer;
}

static struct answer do_publish(struct model *model, const struct part *part)
{
    struct jet *jet = &model->jet;
    struct answer answer = answer_make(0);
    struct stored result = { .payload = 1 };
    if (part->kind == PART_NOWHERE) {
        answer.code = JET_NO_RESPONDERS;
    } else if (part->kind == PART_RESULT) {
        answer.code = jet_store_result(jet, model->now_ns, part->request, &result, true);
    } else if (part->kind == PART_DEAD) {
        answer.code = jet_store_dead(jet, model->now_ns, part->request);
    } else {
        struct content content = { .request = part->request, .function = part->function, .has_id = part->has_id };
        struct jet_ack ack = jet_publish(jet, model->now_ns, (int64_t)model->now_ns, &content);
        answer.code = ack.code;
        if (ack.code == 0) {
            answer.numbers[ANSWER_SEQUENCE] = ack.sequence;
            answer.numbers[ANSWER_DUPLICATE] = ack.duplicate;
        }
    }
    return answer;
}

static struct answer do_put(struct model *model, const struct script_line *line, const struct part *part)
{
    struct ledger entry = { .attempts = 1 };
    uint64_t revision = line_number(line, OPTION_revision, 0);
    struct answer answer = answer_make(jet_ledger_put(&model->jet, model->now_ns, part->request, revision, &entry));
    if (answer.code == 0) {
        answer.numbers[ANSWER_SEQUENCE] = entry.revision;
    }
    return answer;
}

static struct answer do_last(struct model *model, const struct part *part)
{
    if (part->kind == PART_RESULT) {
        return refused(jet_result(&model->jet, model->now_ns, part->request) != NULL);
    }
    const struct ledger *entry = &model->jet.ledger[part->request];
    struct answer answer = refused(entry->revision != 0);
    if (entry->revision != 0) {
        answer.numbers[ANSWER_SEQUENCE] = entry->revision;
    }
    return answer;
}

static struct answer do_get(struct model *model, uint64_t sequence)
{
    const struct message *message = jet_message(&model->jet, sequence);
    struct answer answer = refused(message != NULL && message->state != MESSAGE_GONE);
    if (answer.code == 0) {
        answer.numbers[ANSWER_SEQUENCE] = sequence;
    }
    return answer;
}

/* A cluster of 2.9.10 does not answer who removes what was never stored (script 60-remove-nothing). */
static struct answer do_remove(struct model *model, uint64_t sequence)
{
    bool never = sequence > model->jet.last_sequence && model->jet.settings.profile == JET_2_9;
    bool removed = jet_remove(&model->jet, model->now_ns, sequence);
    return never ? answer_make(CODE_ANY) : refused(removed);
}

static struct answer do_state(struct model *model, const struct script_line *line, const struct part *part)
{
    struct answer answer = answer_make(0);
    if (!line_has(line, OPTION_consumer)) {
        answer.numbers[ANSWER_MESSAGES] = model->jet.messages_live;
        return answer;
    }
    if (part->function == JET_FUNCTIONS_MAX || !model->jet.consumers[part->function].exists) {
        return refused(false); /* it never was, or is gone */
    }
    const struct jet_consumer *consumer = &model->jet.consumers[part->function];
    uint64_t waiting = 0;
    for (uint32_t at = consumer->pulls.head; at != 0; at = model->jet.pulls[at - 1].next) {
        waiting++;
    }
    answer.numbers[ANSWER_ACK_PENDING] = consumer->pending;
    answer.numbers[ANSWER_WAITING] = waiting;
    answer.numbers[ANSWER_PENDING] = jet_fresh(&model->jet, part->function);
    return answer;
}

static void do_pull(struct model *model, uint32_t index, const struct part *part)
{
    const struct script_line *line = &model->script->lines[index];
    struct pull pull = { .operation = index, .function = part->function };
    pull.connection = part->connection + 1 + GENERATION * model->generations[part->connection];
    pull.remaining = (uint32_t)line_number(line, OPTION_batch, 1);
    pull.expires_at_ns = model->now_ns + line_duration(line, OPTION_expires, 10000 * MILLISECOND);
    model->pulls[index] = trace_name(model->names, line_text(line, OPTION_as));
    jet_pull(&model->jet, model->now_ns, &pull);
}

/* What was sent there and not yet seen is lost, all or only messages; the server learns of the cut. */
static void do_cut(struct model *model, uint32_t connection, bool ends_too)
{
    uint32_t number = connection + 1 + GENERATION * model->generations[connection]++;
    jet_forget_connection(&model->jet, number);
    for (uint32_t at = 0; at < model->sent_count; at++) {
        bool lost = model->sent[at].connection == number && (ends_too || model->sent[at].item.kind != ITEM_ENDED);
        model->sent[at].taken = model->sent[at].taken || lost;
    }
}

static void do_restart(struct model *model, uint64_t until_ns, bool gently)
{
    uint32_t before = model->sent_count;
    if (gently) {
        jet_end(&model->jet, model->now_ns);
    } else {
        jet_kill(&model->jet, model->now_ns);
    }
    for (uint32_t at = 0; at < CAST_CONNECTIONS_MAX; at++) {
        do_cut(model, at, !gently);
    }
    /* A server that is ended tells so after up to 240 ms (script 49-restart-term). */
    for (uint32_t at = before; at < model->sent_count; at++) {
        model->sent[at].item.at_ns = until_ns > model->now_ns ? until_ns : model->now_ns;
    }
    /* The model restarts at once; what it does in a time after that, a server that was away does so much later. */
    for (uint32_t at = 0; at < MODEL_TIMERS_MAX; at++) {
        model->timers[at].to_ns += until_ns > model->now_ns ? until_ns - model->now_ns : 0;
    }
    model->now_ns = until_ns > model->now_ns ? until_ns : model->now_ns;
    jet_set_age(&model->jet, model->now_ns, model->jet.settings.age_max_ns); /* It looks for old messages then. */
}

static struct answer do_drop(struct model *model, uint32_t function)
{
    enum { NO_CONSUMER = 10014 };
    bool there = model->jet.consumers[function].exists;
    model->remade[function] = model->remade[function] || there;
    jet_delete_consumer(&model->jet, function);
    return answer_make(there ? 0 : NO_CONSUMER);
}

static struct answer do_verdict(struct model *model, const struct script_line *line, uint64_t sequence)
{
    struct jet *jet = &model->jet;
    const struct message *message = jet_message(jet, sequence);
    bool gone = message != NULL && message->state == MESSAGE_GONE && model->remade[message->content.function];
    bool stray = gone || (message != NULL && (message->state == MESSAGE_NEW || message->state == MESSAGE_LEFT));
    bool heard = message != NULL && jet->consumers[message->content.function].exists;
    if (line->operation == OPERATION_ACK) {
        jet_acknowledge(jet, model->now_ns, sequence);
    } else if (line->operation == OPERATION_NAK) {
        jet_hand_back(jet, model->now_ns, sequence, line_duration(line, OPTION_delay, 0));
    } else {
        jet_progress(jet, model->now_ns, sequence);
    }
    return stray ? answer_make(CODE_ANY) : answer_make(heard ? 0 : JET_NO_RESPONDERS);
}

struct answer model_line(struct model *model, uint32_t index, uint64_t at_ns, uint64_t until_ns, uint64_t sequence)
{
    const struct script_line *line = &model->script->lines[index];
    const struct part *part = &model->cast->parts[index];
    model->now_ns = at_ns > model->now_ns ? at_ns : model->now_ns;
    switch (line->operation) {
    case OPERATION_CONSUMER:
        (void)jet_ensure_consumer(&model->jet, model->now_ns, part->function);
        return answer_make(0);
    case OPERATION_DROP:
        return do_drop(model, part->function);
    case OPERATION_PUB:
        return do_publish(model, part);
    case OPERATION_PUT:
        return do_put(model, line, part);
    case OPERATION_GET:
        return do_get(model, strtoull(line->words[1], NULL, 10));
    case OPERATION_LAST:
        return do_last(model, part);
    case OPERATION_REMOVE:
        return do_remove(model, strtoull(line->words[1], NULL, 10));
    case OPERATION_STATE:
        return do_state(model, line, part);
    case OPERATION_PULL:
        do_pull(model, index, part);
        return answer_make(0);
    case OPERATION_ACK:
    case OPERATION_NAK:
    case OPERATION_PROGRESS:
        return do_verdict(model, line, sequence);
    case OPERATION_CUT:
        do_cut(model, part->connection, true);
        return answer_make(0);
    case OPERATION_RESTART:
        do_restart(model, until_ns, strcmp(line->words[0], "term") == 0);
        return answer_make(0);
    default:
        return answer_make(0);
    }
}

bool model_begin(struct model *model, const struct script *script, const struct cast *cast, struct trace *names,
                 uint64_t seed, uint32_t bug)
{
    bool (*choose)(void *owner, enum jet_choice choice) = model->choose;
    void *owner = model->owner;
    memset(model, 0, sizeof(*model));
    model->choose = choose;
    model->owner = owner;
    model->script = script;
    model->cast = cast;
    model->names = names;
    struct jet_settings settings = cast->settings;
    struct jet_hooks hooks = { .owner = model, .deliver = on_deliver, .ended = on_ended, .arm = on_arm };
    hooks.choose = choose != NULL ? on_choose : NULL;
    hooks.spread = on_spread;
    settings.seed = seed;
    settings.bug = bug;
    return jet_init(&model->jet, &settings, &hooks);
}

void model_end(struct model *model)
{
    jet_free(&model->jet);
}
