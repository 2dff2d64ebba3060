/* Reads the queue by number, for the core's walk (core/walk.c): a nats-server 2.9 that was killed, or whose disk was
 * full, may hold messages which no look-up by subject sees. (Seen on 2.9.10 in tests/chaos: 3 of 1,400 messages after a
 * full disk and a SIGKILL.) The control connection reads on from the number that the core names to the first message
 * there, at most a thousand numbers at a time, so that others have their turn. */
#include "serve/bus_in.h"
#include "serve/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WALK_READ_MAX = 1024 }; /* numbers a job */

struct walk_job {
    struct instance *instance;
    uint64_t operation, next, last; /* last 0: the end of the stream is asked for first */
    uint32_t epoch;
    bool ended;
    enum outcome outcome; /* once it has ended */
    struct broker_message message;
    struct broker_error error;
};

static void walk_end(struct walk_job *job, enum outcome outcome)
{
    job->outcome = outcome;
    job->ended = true;
}

/* Where the stream begins and, unless that is known, ends. */
static bool walk_bounds(struct walk_job *job, struct broker *broker)
{
    struct broker_stream stream;
    if (broker_stream_info(broker, BROKER_STREAM_REQUESTS, &stream, &job->error) != BROKER_OK) {
        return false;
    }
    job->last = job->last == 0 ? stream.last_sequence : job->last;
    job->next = job->next < stream.first_sequence ? stream.first_sequence : job->next;
    if (stream.messages == 0) {
        job->next = job->last + 1;
    }
    return true;
}

/* In the queue of a function, as far as its subject goes. */
static bool walk_is_ours(const struct broker_message *message)
{
    struct bytes language, name;
    return cloudevents_subject_parse(bytes_of(message->subject), &language, &name) &&
           language.length < SERVE_LANGUAGE_BYTES && name.length < SERVE_NAME_BYTES;
}

static void walk_run(void *argument)
{
    struct walk_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    if (broker == NULL || !walk_bounds(job, broker)) {
        walk_end(job, OUTCOME_UNKNOWN);
        return;
    }
    for (int i = 0; i < WALK_READ_MAX && !job->ended && job->next <= job->last; i++, job->next++) {
        enum broker_status status =
            broker_message_get(broker, BROKER_STREAM_REQUESTS, NULL, job->next, &job->message, &job->error);
        if (status == BROKER_OK && walk_is_ours(&job->message)) {
            walk_end(job, OUTCOME_DONE);
        } else if (status == BROKER_OK) {
            broker_message_free(&job->message);
        } else if (status != BROKER_NOT_FOUND || job->instance->leaving) {
            walk_end(job, OUTCOME_UNKNOWN);
        }
    }
    if (!job->ended && job->next > job->last) {
        walk_end(job, OUTCOME_REFUSED);
    }
}

/* -- on the loop thread -------------------------------------------------------------------------------------------- */

/* As if it had come by a pull, but without a token. */
static bool walk_read(struct instance *instance, const struct broker_message *message, struct input *input)
{
    struct bus_header headers[BUS_HEADERS_MAX];
    size_t count = message->header_count < BUS_HEADERS_MAX ? message->header_count : BUS_HEADERS_MAX;
    for (size_t i = 0; i < count; i++) {
        headers[i] = (struct bus_header){ bytes_of(message->headers[i].name), bytes_of(message->headers[i].value) };
    }
    struct bus_delivery found = { .stream_sequence = message->sequence, .stored_wall_ns = message->stored_wall_ns };
    found.message = (struct bus_message){ .subject = bytes_of(message->subject),
                                          .headers = headers,
                                          .header_count = count,
                                          .headers_cut = count < message->header_count,
                                          .body = message->body };
    return bus_walked(instance, &found, input);
}

static void walk_feed(struct instance *instance, const struct walk_job *job, struct input *input)
{
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES];
    struct bytes language_bytes, name_bytes;
    cloudevents_subject_parse(bytes_of(job->message.subject), &language_bytes, &name_bytes);
    bytes_copy_text(language, sizeof language, language_bytes);
    bytes_copy_text(name, sizeof name, name_bytes);
    const struct function_side *side = queue_side(instance, language, name);
    struct row row = queue_stray(instance, language, name);
    if ((side == NULL && !instance->refreshed) || !walk_read(instance, &job->message, input)) {
        input->outcome = OUTCOME_UNKNOWN; /* Whose it is will be known soon; or there is no memory for it. */
    }
    instance->setting = side == NULL ? &row : NULL;
    input->as.walked.function = key_of_text(instance, bytes_of(side != NULL ? side->row : row.text));
    instance_feed(instance, input);
    instance->setting = NULL;
}

static void walk_done(void *argument, bool cancelled)
{
    struct walk_job *job = argument;
    struct instance *instance = job->instance;
    bool goes_on = !cancelled && !job->ended && control_submit(instance->control, walk_run, walk_done, job);
    if (goes_on) {
        return;
    }
    if (!cancelled) {
        struct input input = instance_input(instance, INPUT_WALKED);
        input.answers = job->operation;
        input.epoch = job->epoch;
        input.outcome = (uint8_t)(job->ended ? job->outcome : OUTCOME_UNKNOWN);
        input.as.walked.last = job->last;
        if (input.outcome == OUTCOME_DONE) {
            walk_feed(instance, job, &input);
        } else {
            instance_feed(instance, &input);
        }
    }
    broker_message_free(&job->message);
    free(job);
}

void walk_perform(struct instance *instance, const struct effect *effect)
{
    struct walk_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return; /* The core asks again. */
    }
    job->instance = instance;
    job->operation = effect->operation;
    job->epoch = effect->epoch;
    job->next = effect->amount;
    job->last = effect->reference;
    if (!control_submit(instance->control, walk_run, walk_done, job)) {
        free(job);
    }
}
