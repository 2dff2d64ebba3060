/* Requests that the broker forgot to forget. A nats-server 2.9 that is killed brings back messages that were acked just
 * before, but its consumers remember them as acked: they are delivered to nobody and fill the queue until they are too
 * old (22 of 2,000 calls in the integration test). So after each new connection, and until nothing is left of what the
 * queue held then, messages at or below a consumer's ack floor are looked up: if the result is stored, the message is
 * removed, which is what its ack asked for. If it isn't and nothing else is under way, the consumer is made anew: it
 * delivers the message again, and the core decides. */
#include "serve/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MESSAGES_MAX = 256, SWEEP_HEADERS_MAX = 64 }; /* a pass; the next one goes on */

struct sweep_function {
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
};

struct sweep_job {
    struct instance *instance;
    uint64_t until, removed, unsettled;
    int64_t stream_created_ns;
    uint32_t messages_left;
    bool finished;
    struct broker_error error;
    size_t count;
    struct sweep_function functions[];
};

static void sweep_request_id(const struct sweep_job *job, const struct broker_message *message,
                             char ret_id[SERVE_ID_BYTES])
{
    struct cloudevents_header headers[SWEEP_HEADERS_MAX];
    struct cloudevents_error error;
    struct bytes id;
    size_t count = message->header_count < SWEEP_HEADERS_MAX ? message->header_count : SWEEP_HEADERS_MAX;
    for (size_t i = 0; i < count; i++) {
        headers[i] =
            (struct cloudevents_header){ bytes_of(message->headers[i].name), bytes_of(message->headers[i].value) };
    }
    if (cloudevents_request_id_of(headers, count, &id, &error) && id.length < SERVE_ID_BYTES) {
        memcpy(ret_id, id.at, id.length);
        ret_id[id.length] = '\0';
        return;
    }
    snprintf(ret_id, SERVE_ID_BYTES, BROKER_STREAM_REQUESTS "-%" PRId64 "-%" PRIu64, job->stream_created_ns / 1000000,
             message->sequence);
}

/* BROKER_OK if it was removed, BROKER_NOT_FOUND if it has no result. */
static enum broker_status sweep_message(struct sweep_job *job, struct broker *broker,
                                        const struct broker_message *message)
{
    struct broker_message result;
    char id[SERVE_ID_BYTES], subject[SERVE_ID_BYTES + 32];
    sweep_request_id(job, message, id);
    snprintf(subject, sizeof subject, "function.result.%s", id);
    enum broker_status status = broker_message_get(broker, BROKER_STREAM_RESULTS, subject, 0, &result, &job->error);
    if (status != BROKER_OK) {
        return status;
    }
    broker_message_free(&result);
    status = broker_message_delete(broker, BROKER_STREAM_REQUESTS, message->sequence, &job->error);
    job->removed += status == BROKER_OK;
    return status;
}

static enum broker_status sweep_function(struct sweep_job *job, struct broker *broker,
                                         const struct sweep_function *function)
{
    char subject[SERVE_LANGUAGE_BYTES + SERVE_NAME_BYTES + 16];
    struct broker_consumer_state consumer = { 0 };
    struct broker_message message;
    uint64_t next = 1, unsettled = 0;
    snprintf(subject, sizeof subject, "function.%s.%s", function->language, function->name);
    enum broker_status status =
        broker_consumer_state(broker, function->language, function->name, &consumer, &job->error);
    uint64_t floor = consumer.ack_floor < job->until ? consumer.ack_floor : job->until;
    while (status == BROKER_OK && next <= floor && job->messages_left > 0) {
        job->messages_left--;
        status = broker_message_get(broker, BROKER_STREAM_REQUESTS, subject, next, &message, &job->error);
        if (status != BROKER_OK) {
            break;
        }
        next = message.sequence + 1;
        if (message.sequence <= floor) {
            status = sweep_message(job, broker, &message);
            unsettled += status == BROKER_NOT_FOUND;
            status = status == BROKER_NOT_FOUND ? BROKER_OK : status;
        }
        broker_message_free(&message);
    }
    if (unsettled > 0 && consumer.pending == 0 && consumer.ack_pending == 0) {
        job->unsettled += unsettled;
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
    job->finished = stream.messages == 0 || stream.first_sequence > job->until;
    for (size_t i = 0; i < job->count && !job->finished && !control_stopping(job->instance->control); i++) {
        if (sweep_function(job, broker, &job->functions[i]) != BROKER_OK) {
            log_debug("nats.storage", "sweep ended early", LOG_TEXT("error", job->error.text));
            return;
        }
    }
}

static void sweep_done(void *argument, bool cancelled)
{
    struct sweep_job *job = argument;
    struct instance *instance = job->instance;
    instance->sweeping = false;
    if (!cancelled && job->finished && instance->sweep_until == job->until) {
        instance->sweep_until = 0;
    }
    if (job->removed > 0 || job->unsettled > 0) {
        log_warn("nats.storage", "the broker brought back requests that were done", LOG_U64("removed", job->removed),
                 LOG_U64("delivered_again", job->unsettled));
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
