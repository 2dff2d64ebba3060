/* Redriving and dropping one dead letter. A redrive is a new request, `<id>~1`, of the same event, with attempts, time
 * and a result of its own; the letter stays, marked, until it is dropped. Of `<id>~1` it is `<id>~2`. */
#include "serve/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HEADERS_MAX = 64, REDRIVES_DIGITS_MAX = 6 };

struct change_job {
    struct instance *instance;
    uint64_t rpc_id;
    bool drop, duplicate;
    char subject[LETTERS_SUBJECT_BYTES], request_id[SERVE_ID_BYTES], new_id[SERVE_ID_BYTES];
    enum broker_status status;
    struct broker_error error;
};

/* "order-7" -> "order-7~1", "order-7~1" -> "order-7~2"; one that is too long for that is named by its hash. */
static void id_next(const char *id, char ret_id[SERVE_ID_BYTES])
{
    const char *mark = strrchr(id, '~');
    size_t digits = mark == NULL ? 0 : strspn(mark + 1, "0123456789");
    bool redriven = digits > 0 && digits < REDRIVES_DIGITS_MAX && mark[1 + digits] == '\0';
    unsigned long number = redriven ? strtoul(mark + 1, NULL, 10) + 1 : 1;
    int length = redriven ? (int)(mark - id) : (int)strlen(id);
    if (snprintf(ret_id, SERVE_ID_BYTES, "%.*s~%lu", length, id, number) >= SERVE_ID_BYTES) {
        char hex[33];
        key_hex(bytes_of(id), hex);
        snprintf(ret_id, SERVE_ID_BYTES, "%s~%lu", hex, number);
    }
}

/* What belonged to the first request's life is left out. */
static bool header_belongs(const char *name)
{
    return strcasecmp(name, "stead-alias") == 0 ||
           (strncasecmp(name, "stead-", 6) != 0 && strncasecmp(name, "Nats-", 5) != 0);
}

static enum broker_status marker_write(struct change_job *job, struct broker *broker, const char *letter_subject,
                                       const char *state)
{
    char subject[LETTERS_SUBJECT_BYTES + 16];
    bool create = strcmp(state, "intended") == 0;
    const struct broker_message_header headers[] = { { "stead-redrive", state },
                                                     { "Nats-Expected-Last-Subject-Sequence", "0" } };
    snprintf(subject, sizeof subject, "%s.redriven", letter_subject);
    return broker_publish(broker, subject, headers, create ? 2 : 1, bytes_of(job->new_id), NULL, &job->error);
}

static enum broker_status request_publish(struct change_job *job, struct broker *broker,
                                          const struct broker_message *letter)
{
    struct broker_message_header headers[HEADERS_MAX] = { { "stead-request-id", job->new_id },
                                                          { "Nats-Msg-Id", job->new_id },
                                                          { "stead-redrive-of", job->request_id } };
    char subject[LETTERS_SUBJECT_BYTES];
    size_t count = 3;
    for (size_t i = 0; i < letter->header_count && count < HEADERS_MAX; i++) {
        if (header_belongs(letter->headers[i].name)) {
            headers[count++] = letter->headers[i];
        }
    }
    const char *place = letter->subject + sizeof "function.dead." - 1; /* <language>.<name>.<id> */
    const char *id = strchr(place, '.') == NULL ? NULL : strchr(strchr(place, '.') + 1, '.');
    if (id == NULL) {
        job->error = (struct broker_error){ .status = BROKER_CORRUPT };
        snprintf(job->error.text, sizeof job->error.text, "the dead letter at %.200s names no function",
                 letter->subject);
        return BROKER_CORRUPT;
    }
    snprintf(subject, sizeof subject, "function.%.*s", (int)(id - place), place);
    return broker_publish(broker, subject, headers, count, letter->body, &job->duplicate, &job->error);
}

/* Nobody published it, or nobody knows: the marker is written first; who finds one that is not done does what is left
 * to do. Of two at once both publish, under one message id: the broker tells the second that it is one. */
static enum broker_status redrive(struct change_job *job, struct broker *broker, const struct broker_message *letter)
{
    bool done = false;
    id_next(job->request_id, job->new_id);
    if (letters_marker(broker, letter->subject, job->new_id, &done) && done) {
        job->duplicate = true;
        return BROKER_OK;
    }
    enum broker_status status = marker_write(job, broker, letter->subject, "intended");
    if (status != BROKER_OK && status != BROKER_CONFLICT) {
        return status;
    }
    status = request_publish(job, broker, letter);
    if (status == BROKER_OK) {
        struct broker_error published = job->error;
        if (marker_write(job, broker, letter->subject, "done") != BROKER_OK) {
            log_warn("nats.storage", "a redrive could not be marked as done", LOG_TEXT("request", job->new_id),
                     LOG_TEXT("error", job->error.text));
        }
        job->error = published;
    }
    return status;
}

static enum broker_status drop(struct change_job *job, struct broker *broker, const struct broker_message *letter)
{
    char subject[LETTERS_SUBJECT_BYTES + 16];
    struct broker_message marker;
    struct broker_error ignored;
    enum broker_status status = broker_message_delete(broker, BROKER_STREAM_DEAD, letter->sequence, &job->error);
    snprintf(subject, sizeof subject, "%s.redriven", letter->subject);
    if (status == BROKER_OK &&
        broker_message_get(broker, BROKER_STREAM_DEAD, subject, 0, &marker, &ignored) == BROKER_OK) {
        broker_message_delete(broker, BROKER_STREAM_DEAD, marker.sequence, &ignored); /* Else it goes by its age. */
        broker_message_free(&marker);
    }
    return status;
}

static void change_run(void *argument)
{
    struct change_job *job = argument;
    struct broker_message letter;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->status = job->error.status;
    if (broker == NULL) {
        return;
    }
    job->status = broker_message_get(broker, BROKER_STREAM_DEAD, job->subject, 0, &letter, &job->error);
    if (job->status == BROKER_OK) {
        job->status = job->drop ? drop(job, broker, &letter) : redrive(job, broker, &letter);
        broker_message_free(&letter);
    }
}

static void change_done(void *argument, bool cancelled)
{
    struct change_job *job = argument;
    struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_ACCEPTED, .duplicate = job->duplicate };
    answer.request_id = bytes_of(job->drop ? job->request_id : job->new_id);
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (job->status != BROKER_OK) {
        letters_refuse(job->instance, job->rpc_id, job->status, &job->error);
    } else {
        rpc_server_answer(job->instance->rpc, &answer);
    }
    free(job);
}

void letters_change(struct instance *instance, const struct rpc_request *request)
{
    bool drops = request->kind == RPC_DROP;
    char name[SERVE_NAME_BYTES];
    if (!cloudevents_function_name_valid(request->name)) {
        admin_status(instance, request->id, RPC_STATUS_INVALID_ARGUMENT, "INVALID_FUNCTION_NAME",
                     "name: a function name matches ^[a-z][a-z0-9_-]{0,62}$");
        return;
    }
    const struct function_side *function = drops ? NULL : admin_find(instance, request);
    if (!drops && function == NULL) {
        return; /* Its request would wait for nobody. */
    }
    if (!drops && (function->state == FUNCTION_RETIRING || function->record.closing != CLOSING_OPEN)) {
        admin_status(instance, request->id, RPC_STATUS_NOT_FOUND, "FUNCTION_NOT_FOUND",
                     "the function was removed, or is about to be: nobody would run the new request");
        return;
    }
    struct change_job *job = calloc(1, sizeof *job);
    if (job != NULL) {
        *job = (struct change_job){ .instance = instance, .rpc_id = request->id, .drop = drops };
        snprintf(name, sizeof name, "%.*s", (int)request->name.length, (const char *)request->name.at);
        snprintf(job->request_id, sizeof job->request_id, "%.*s", (int)request->request_id.length,
                 (const char *)request->request_id.at);
        letters_subject(name, job->request_id, job->subject);
    }
    if (job == NULL || !control_submit(instance->control, change_run, change_done, job)) {
        admin_busy(instance, request->id);
        free(job);
    }
}
