/* The search for a queued request by its id. The broker has no index of ids, so the stream is walked on the control
 * thread, from the oldest message to the last one that was there at the beginning; each job takes a few hundred
 * messages, then others have their turn. An id that names a place in the stream is looked for there first. (A message
 * takes about 0.3 ms.)
 *
 * A search ends with INPUT_FOUND or with its call. The core may ask again meanwhile: the search that is under way then
 * answers the newest question. */
#include "serve/bus_in.h"
#include "serve/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIND_JOBS_MAX = 64, FIND_MESSAGES_MAX = 500, FIND_HEADERS_MAX = 64 };

struct find_job {
    struct instance *instance;
    struct handle call;
    uint64_t operation;
    int64_t stream_created_ns;
    char request_id[SERVE_ID_BYTES];
    uint64_t next, last; /* of the walk; next 0: not begun */
    bool ended;
    enum outcome outcome; /* once it has ended */
    uint64_t sequence;
    uint8_t end; /* enum end: what its ledger says */
    char function[SERVE_FUNCTION_BYTES], digest[CLOUDEVENTS_DIGEST_HEX + 1];
    struct charged charged;
    struct broker_error error;
};

void jobs_request_id(int64_t stream_created_ns, const struct broker_message *message, char ret_id[SERVE_ID_BYTES])
{
    struct cloudevents_header headers[FIND_HEADERS_MAX];
    struct cloudevents_error error;
    struct bytes id;
    size_t count = message->header_count < FIND_HEADERS_MAX ? message->header_count : FIND_HEADERS_MAX;
    for (size_t i = 0; i < count; i++) {
        headers[i] =
            (struct cloudevents_header){ bytes_of(message->headers[i].name), bytes_of(message->headers[i].value) };
    }
    if (cloudevents_request_id_of(headers, count, &id, &error) && id.length < SERVE_ID_BYTES) {
        bytes_copy_text(ret_id, SERVE_ID_BYTES, id);
        return;
    }
    snprintf(ret_id, SERVE_ID_BYTES, BROKER_STREAM_REQUESTS "-%" PRId64 "-%" PRIu64, stream_created_ns / 1000000,
             message->sequence);
}

static void find_end(struct find_job *job, enum outcome outcome)
{
    job->outcome = outcome;
    job->ended = true;
}

static void find_match(struct find_job *job, const struct broker_message *message)
{
    char id[SERVE_ID_BYTES];
    struct bytes language, name;
    jobs_request_id(job->stream_created_ns, message, id);
    if (strcmp(id, job->request_id) != 0) {
        return;
    }
    const char *digest = broker_message_header(message, "stead-input-digest");
    if (cloudevents_subject_parse(bytes_of(message->subject), &language, &name)) {
        snprintf(job->function, sizeof job->function, "%.*s/%.*s", (int)language.length, (const char *)language.at,
                 (int)name.length, (const char *)name.at);
    }
    bool whole = digest != NULL && strlen(digest) == CLOUDEVENTS_DIGEST_HEX;
    memcpy(job->digest, whole ? digest : "", whole ? sizeof job->digest : 1);
    job->sequence = message->sequence;
    find_end(job, OUTCOME_DONE);
}

/* Looks at the message at that place (subject NULL) or at the first one from there on. */
static enum broker_status find_look(struct find_job *job, struct broker *broker, const char *subject, uint64_t sequence)
{
    struct broker_message message;
    enum broker_status status =
        broker_message_get(broker, BROKER_STREAM_REQUESTS, subject, sequence, &message, &job->error);
    if (status == BROKER_OK) {
        job->next = message.sequence + 1;
        find_match(job, &message);
        broker_message_free(&message);
    }
    return status;
}

/* "functions-1750000000000-17" names message 17 of the stream that was made then. */
static uint64_t find_place(const struct find_job *job)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, BROKER_STREAM_REQUESTS "-%" PRId64 "-", job->stream_created_ns / 1000000);
    size_t length = strlen(prefix);
    return strncmp(job->request_id, prefix, length) == 0 ? strtoull(job->request_id + length, NULL, 10) : 0;
}

static bool find_begin(struct find_job *job, struct broker *broker)
{
    struct broker_stream stream;
    uint64_t place = find_place(job);
    if (place != 0) {
        find_look(job, broker, NULL, place); /* Whatever comes of it: the walk below would find it too. */
    }
    if (job->ended) {
        return true;
    }
    if (broker_stream_info(broker, BROKER_STREAM_REQUESTS, &stream, &job->error) != BROKER_OK) {
        return false;
    }
    job->next = stream.first_sequence == 0 ? 1 : stream.first_sequence;
    job->last = stream.messages == 0 ? 0 : stream.last_sequence;
    return true;
}

/* What its attempts so far came to, for whoever reads the result, and whether it has ended; what can't be read counts
 * as none. */
static void find_ledger(struct find_job *job, struct broker *broker)
{
    char hex[33];
    uint8_t *value = NULL;
    size_t length = 0;
    uint64_t revision;
    struct broker_error ignored;
    struct input ledger = { .kind = INPUT_LEDGER };
    key_hex(bytes_of(job->request_id), hex);
    if (broker_kv_get(broker, BROKER_BUCKET_ATTEMPTS, hex, &value, &length, &revision, &ignored) != BROKER_OK) {
        return;
    }
    if (ledger_read((struct bytes){ value, length }, &ledger)) {
        job->charged = (struct charged){ ledger.as.ledger.attempts, ledger.as.ledger.causes };
        job->end = ledger.as.ledger.end;
    }
    free(value);
}

static void find_run(void *argument)
{
    struct find_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL || (job->next == 0 && !find_begin(job, broker))) {
        find_end(job, OUTCOME_UNKNOWN);
        return;
    }
    for (uint32_t i = 0; i < FIND_MESSAGES_MAX && !job->ended && job->next <= job->last; i++) {
        enum broker_status status = find_look(job, broker, ">", job->next);
        if (status == BROKER_NOT_FOUND) {
            job->last = 0; /* What was behind it is gone meanwhile. */
        } else if (status != BROKER_OK) {
            find_end(job, OUTCOME_UNKNOWN);
        }
    }
    if (!job->ended && job->next > job->last) {
        find_end(job, OUTCOME_REFUSED);
    }
    if (job->ended && job->outcome == OUTCOME_DONE) {
        find_ledger(job, broker);
    }
}

static void find_answer(struct instance *instance, uint64_t operation, enum outcome outcome, uint64_t sequence,
                        uint8_t end)
{
    struct input input = instance_input(instance, INPUT_FOUND);
    input.answers = operation;
    input.outcome = (uint8_t)outcome;
    input.as.found.sequence = sequence;
    input.as.found.end = end;
    instance_feed(instance, &input);
}

static void find_done(void *argument, bool cancelled)
{
    struct find_job *job = argument;
    struct instance *instance = job->instance;
    struct call_side *call = calls_side(instance, job->call);
    bool wanted = !cancelled && call != NULL && call->find == job;
    if (wanted && !job->ended) {
        if (control_submit(instance->control, find_run, find_done, job)) {
            return;
        }
        find_end(job, OUTCOME_UNKNOWN);
    }
    instance->finds--;
    if (wanted) {
        call->find = NULL;
        memcpy(call->function, job->function, sizeof call->function);
        memcpy(call->digest, job->digest, sizeof call->digest);
        call->charged = job->charged;
        if (job->outcome == OUTCOME_UNKNOWN) {
            log_debug("nats.storage", "queue not searched", LOG_TEXT("error", job->error.text));
        }
        find_answer(instance, job->operation, job->outcome, job->sequence, job->end);
    }
    free(job);
}

void find_perform(struct instance *instance, const struct effect *effect)
{
    struct call_side *call = calls_side(instance, effect->about);
    if (call == NULL) {
        return;
    }
    if (call->find != NULL) {
        call->find->operation = effect->operation;
        return;
    }
    struct find_job *job = instance->finds < FIND_JOBS_MAX ? calloc(1, sizeof *job) : NULL;
    if (job != NULL) {
        job->instance = instance;
        job->call = effect->about;
        job->operation = effect->operation;
        job->stream_created_ns = instance->stream_created_ns;
        memcpy(job->request_id, call->request_id, sizeof job->request_id);
    }
    if (job == NULL || !control_submit(instance->control, find_run, find_done, job)) {
        free(job);
        find_answer(instance, effect->operation, OUTCOME_UNKNOWN, 0, END_NONE);
        return;
    }
    instance->finds++;
    call->find = job;
}
