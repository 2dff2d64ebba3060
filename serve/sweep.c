/* Requests that the broker forgot to forget. A nats-server 2.9 that is killed brings back messages that were acked just
 * before, and its consumers remember them as acked: nobody is ever given them, and they fill the queue until they are
 * too old. Other consumers keep a message that is gone as unacknowledged for ever. (Both were seen in the integration
 * tests: 22 and 588 of 2,000 messages, and one ghost.)
 *
 * So after each new connection, and until nothing is left of what the queue held then, the delivered messages that are
 * still there are looked at. If a message's result is stored, it is removed, which is what its ack asked for. If there
 * are more without a result than the consumer knows to be under way, or it knows of one and there is none, the consumer
 * is made anew: it delivers again what is left, and the core decides. */
#include "serve/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MESSAGES_MAX = 2048 }; /* a pass; the next one goes on */

struct sweep_function {
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
};

struct sweep_job {
    struct instance *instance;
    uint64_t until, removed, renewed;
    int64_t stream_created_ns;
    uint32_t messages_left;
    uint64_t queue_last;
    bool queue_empty, undecided, finished;
    struct broker_error error;
    size_t count;
    struct sweep_function functions[];
};

static enum broker_status stored(struct sweep_job *job, struct broker *broker, const char *stream, const char *subject,
                                 char ret_outcome[16])
{
    struct broker_message message;
    enum broker_status status = broker_message_get(broker, stream, subject, 0, &message, &job->error);
    if (status == BROKER_OK) {
        const char *outcome = broker_message_header(&message, "stead-outcome");
        snprintf(ret_outcome, 16, "%s", outcome == NULL ? "" : outcome);
        broker_message_free(&message);
    }
    return status;
}

/* Removes it if it is settled; BROKER_NOT_FOUND if it is not. A dead-lettered request is when its dead letter is. */
static enum broker_status sweep_message(struct sweep_job *job, struct broker *broker,
                                        const struct sweep_function *function, const struct broker_message *message)
{
    char id[SERVE_ID_BYTES], subject[SERVE_ID_BYTES + 128], outcome[16];
    jobs_request_id(job->stream_created_ns, message, id);
    snprintf(subject, sizeof subject, "function.result.%s", id);
    enum broker_status status = stored(job, broker, BROKER_STREAM_RESULTS, subject, outcome);
    if (status == BROKER_OK && strcmp(outcome, end_name(END_DEAD_LETTERED)) == 0) {
        snprintf(subject, sizeof subject, "function.dead.%s.%s.%s", function->language, function->name, id);
        status = stored(job, broker, BROKER_STREAM_DEAD, subject, outcome);
    }
    if (status == BROKER_OK) {
        status = broker_message_delete(broker, BROKER_STREAM_REQUESTS, message->sequence, &job->error);
        job->removed += status == BROKER_OK;
        status = status == BROKER_NOT_FOUND ? BROKER_OK : status; /* Somebody acked it meanwhile. */
    }
    return status;
}

/* Looks at the function's messages up to `last`; what it found there and has no result is counted. */
static enum broker_status sweep_messages(struct sweep_job *job, struct broker *broker,
                                         const struct sweep_function *function, uint64_t last, uint64_t *ret_unsettled)
{
    char subject[SERVE_LANGUAGE_BYTES + SERVE_NAME_BYTES + 16];
    enum broker_status status = BROKER_OK;
    snprintf(subject, sizeof subject, "function.%s.%s", function->language, function->name);
    for (uint64_t next = 1; next <= last && job->messages_left > 0; job->messages_left--) {
        struct broker_message message;
        status = broker_message_get(broker, BROKER_STREAM_REQUESTS, subject, next, &message, &job->error);
        if (status != BROKER_OK) {
            break;
        }
        next = message.sequence + 1;
        status = message.sequence <= last ? sweep_message(job, broker, function, &message) : BROKER_OK;
        broker_message_free(&message);
        *ret_unsettled += status == BROKER_NOT_FOUND;
        if (status != BROKER_OK && status != BROKER_NOT_FOUND) {
            break;
        }
    }
    return status == BROKER_NOT_FOUND ? BROKER_OK : status;
}

static enum broker_status sweep_function(struct sweep_job *job, struct broker *broker,
                                         const struct sweep_function *function)
{
    struct broker_consumer_state consumer;
    uint64_t unsettled = 0;
    enum broker_status status =
        broker_consumer_state(broker, function->language, function->name, &consumer, &job->error);
    if (status == BROKER_OK) {
        uint64_t last = consumer.delivered < job->until ? consumer.delivered : job->until;
        status = sweep_messages(job, broker, function, last, &unsettled);
    }
    if (status != BROKER_OK || job->messages_left == 0) {
        return status == BROKER_NOT_FOUND ? BROKER_OK : status;
    }
    /* The queue was empty before this consumer was asked: unless it got something since, nothing is under way. */
    bool ghost = job->queue_empty && consumer.ack_pending > 0;
    job->undecided |= ghost && consumer.delivered > job->queue_last;
    if (unsettled > consumer.ack_pending || (ghost && consumer.delivered <= job->queue_last)) {
        job->renewed++;
        status = broker_consumer_delete(broker, function->language, function->name, &job->error);
    }
    return status == BROKER_NOT_FOUND ? BROKER_OK : status;
}

static void sweep_run(void *argument)
{
    struct sweep_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    struct broker_stream stream;
    if (broker == NULL || broker_stream_info(broker, BROKER_STREAM_REQUESTS, &stream, &job->error) != BROKER_OK) {
        return;
    }
    job->queue_empty = stream.messages == 0;
    job->queue_last = stream.last_sequence;
    for (size_t i = 0; i < job->count && !control_stopping(job->instance->control); i++) {
        if (sweep_function(job, broker, &job->functions[i]) != BROKER_OK) {
            log_debug("nats.storage", "sweep ended early", LOG_TEXT("error", job->error.text));
            return;
        }
    }
    job->finished = !job->undecided && (job->queue_empty || stream.first_sequence > job->until);
}

static void sweep_done(void *argument, bool cancelled)
{
    struct sweep_job *job = argument;
    struct instance *instance = job->instance;
    instance->sweeping = false;
    if (!cancelled && job->finished && instance->sweep_until == job->until) {
        instance->sweep_until = 0;
    }
    if (job->removed > 0 || job->renewed > 0) {
        log_warn("nats.storage", "the broker had forgotten what was acked", LOG_U64("removed", job->removed),
                 LOG_U64("consumers_made_anew", job->renewed));
    }
    free(job);
}

void jobs_sweep(struct instance *instance)
{
    if (instance->sweep_until == 0 || instance->sweeping) {
        return;
    }
    struct sweep_job *job = calloc(1, sizeof *job + SERVE_FUNCTIONS_MAX * sizeof job->functions[0]);
    if (job == NULL) {
        return;
    }
    job->instance = instance;
    job->until = instance->sweep_until;
    job->stream_created_ns = instance->stream_created_ns;
    job->messages_left = SWEEP_MESSAGES_MAX;
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && side->state != FUNCTION_RETIRING) {
            struct sweep_function *function = &job->functions[job->count++];
            memcpy(function->language, side->record.language, sizeof function->language);
            memcpy(function->name, side->record.name, sizeof function->name);
        }
    }
    instance->sweeping = control_submit(instance->control, sweep_run, sweep_done, job);
    if (!instance->sweeping) {
        free(job);
    }
}
