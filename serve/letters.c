/* Listing dead letters: a walk through the stream, from where the page before ended, until the page is full or enough
 * messages were looked at. Texts are copied out of each message, since a message may be large and a page holds many. */
#include "serve/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_USUAL = 100, LIMIT_MAX = 500, LIMIT_WHOLE_MAX = 4, LOOKS_MAX = 2000, CAUSE_BYTES = 32 };

struct letter {
    struct event_buffer text; /* all texts, one behind the other */
    struct {
        size_t at, length;
    } request_id, function, reason, cause, causes, error, redriven_as, exit, stderr_end, content_type, data;
    uint32_t attempts;
    int64_t buried_unix_ms;
    uint64_t sequence, size;
};

struct list_job {
    struct instance *instance;
    uint64_t rpc_id, after, next;
    char subject[LETTERS_SUBJECT_BYTES], cause[CAUSE_BYTES];
    uint32_t limit, count;
    bool whole;
    struct letter *letters;
    enum broker_status status;
    struct broker_error error;
};

void letters_subject(const char *name, const char *request_id, char ret_subject[LETTERS_SUBJECT_BYTES])
{
    snprintf(ret_subject, LETTERS_SUBJECT_BYTES, "function.dead.*.%s.%s", name[0] == '\0' ? "*" : name,
             request_id[0] == '\0' ? "*" : request_id);
}

bool letters_marker(struct broker *broker, const char *letter_subject, char ret_id[SERVE_ID_BYTES], bool *ret_done)
{
    char subject[LETTERS_SUBJECT_BYTES + 16];
    struct broker_message marker;
    struct broker_error ignored;
    snprintf(subject, sizeof subject, "%s.redriven", letter_subject);
    if (broker_message_get(broker, BROKER_STREAM_DEAD, subject, 0, &marker, &ignored) != BROKER_OK) {
        return false;
    }
    const char *state = broker_message_header(&marker, "stead-redrive");
    *ret_done = state != NULL && strcmp(state, "done") == 0;
    snprintf(ret_id, SERVE_ID_BYTES, "%.*s", (int)marker.body.length, (const char *)marker.body.at);
    broker_message_free(&marker);
    return true;
}

void letters_refuse(struct instance *instance, uint64_t rpc_id, enum broker_status status,
                    const struct broker_error *error)
{
    if (status == BROKER_NOT_FOUND) {
        admin_status(instance, rpc_id, RPC_STATUS_NOT_FOUND, "DEAD_LETTER_NOT_FOUND",
                     "there is no dead letter of that function and id: it was dropped, or is older than 7 days");
    } else if (status == BROKER_REFUSED) {
        admin_status(instance, rpc_id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL", error->text);
    } else {
        admin_status(instance, rpc_id, RPC_STATUS_UNAVAILABLE, "NATS_UNAVAILABLE", error->text);
    }
}

/* -- one letter ---------------------------------------------------------------------------------------------------- */

#define LETTER_TEXT(letter, member, value)                                                                             \
    do {                                                                                                               \
        struct bytes copied = (value);                                                                                 \
        (letter)->member.at = (letter)->text.length;                                                                   \
        (letter)->member.length = copied.length;                                                                       \
        event_buffer_append(&(letter)->text, copied.at, copied.length);                                                \
    } while (0)

static struct bytes header_of(const struct broker_message *message, const char *name)
{
    const char *value = broker_message_header(message, name);
    return bytes_of(value == NULL ? "" : value);
}

static void letter_decoded(const struct broker_message *message, const char *name, struct event_buffer *scratch)
{
    scratch->length = 0;
    if (!cloudevents_percent_decode(header_of(message, name), scratch)) {
        scratch->length = 0;
    }
}

static void letter_exit(struct letter *letter, const struct broker_message *message)
{
    char text[48] = "";
    const char *status = broker_message_header(message, "stead-exit-status");
    const char *number = broker_message_header(message, "stead-exit-signal");
    if (number != NULL) {
        snprintf(text, sizeof text, "signal %.8s", number);
    } else if (status != NULL) {
        snprintf(text, sizeof text, "status %.8s", status);
    }
    LETTER_TEXT(letter, exit, bytes_of(text));
}

/* function.dead.<language>.<name>.<id> */
static void letter_name(struct letter *letter, const char *subject)
{
    char function[SERVE_FUNCTION_BYTES + 1];
    const char *language = subject + sizeof "function.dead." - 1;
    size_t language_length = strcspn(language, ".");
    const char *name = language + language_length + (language[language_length] == '.');
    size_t name_length = strcspn(name, ".");
    snprintf(function, sizeof function, "%.*s/%.*s", (int)language_length, language, (int)name_length, name);
    LETTER_TEXT(letter, function, bytes_of(function));
    LETTER_TEXT(letter, request_id, bytes_of(name + name_length + (name[name_length] == '.')));
}

static void letter_read(struct letter *letter, const struct broker_message *message, bool whole)
{
    struct event_buffer scratch = { 0 };
    const char *attempts = broker_message_header(message, "stead-attempts");
    letter_name(letter, message->subject);
    LETTER_TEXT(letter, reason, header_of(message, "stead-reason"));
    LETTER_TEXT(letter, cause, header_of(message, "stead-cause"));
    LETTER_TEXT(letter, causes, header_of(message, "stead-causes"));
    letter_decoded(message, "stead-error", &scratch);
    LETTER_TEXT(letter, error, ((struct bytes){ scratch.at, scratch.length }));
    letter_exit(letter, message);
    letter->attempts = attempts == NULL ? 0 : (uint32_t)strtoul(attempts, NULL, 10);
    letter->buried_unix_ms = message->stored_wall_ns / 1000000;
    letter->sequence = message->sequence;
    letter->size = message->body.length;
    if (whole) {
        letter_decoded(message, "stead-stderr", &scratch);
        LETTER_TEXT(letter, stderr_end, ((struct bytes){ scratch.at, scratch.length }));
        struct bytes type = header_of(message, "ce-datacontenttype");
        LETTER_TEXT(letter, content_type, type.length > 0 ? type : header_of(message, "Content-Type"));
        LETTER_TEXT(letter, data, message->body);
    }
    event_buffer_free(&scratch);
}

/* -- the walk ------------------------------------------------------------------------------------------------------ */

static bool wanted(const struct list_job *job, const struct broker_message *message)
{
    const char *cause = broker_message_header(message, "stead-cause");
    return job->cause[0] == '\0' || (cause != NULL && strcmp(cause, job->cause) == 0);
}

static enum broker_status list_look(struct list_job *job, struct broker *broker)
{
    struct broker_message message;
    enum broker_status status =
        broker_message_get(broker, BROKER_STREAM_DEAD, job->subject, job->after + 1, &message, &job->error);
    if (status != BROKER_OK) {
        return status;
    }
    job->after = message.sequence;
    if (wanted(job, &message)) {
        char id[SERVE_ID_BYTES];
        bool done;
        struct letter *letter = &job->letters[job->count++];
        letter_read(letter, &message, job->whole);
        if (letters_marker(broker, message.subject, id, &done) && done) {
            LETTER_TEXT(letter, redriven_as, bytes_of(id));
        }
    }
    broker_message_free(&message);
    return BROKER_OK;
}

static void list_run(void *argument)
{
    struct list_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    job->letters = calloc(job->limit, sizeof *job->letters);
    job->status = broker == NULL ? job->error.status : job->letters == NULL ? BROKER_NO_MEMORY : BROKER_OK;
    for (uint32_t i = 0; job->status == BROKER_OK && i < LOOKS_MAX && job->count < job->limit; i++) {
        job->status = list_look(job, broker);
    }
    job->next = job->status == BROKER_OK ? job->after : 0;
    job->status = job->status == BROKER_NOT_FOUND ? BROKER_OK : job->status;
}

static struct rpc_letter letter_show(const struct letter *letter)
{
    const uint8_t *at = letter->text.at;
#define SHOWN(member) .member = { at + letter->member.at, letter->member.length }
    return (struct rpc_letter){ SHOWN(request_id),
                                SHOWN(function),
                                SHOWN(reason),
                                SHOWN(cause),
                                SHOWN(causes),
                                SHOWN(error),
                                SHOWN(redriven_as),
                                SHOWN(exit),
                                SHOWN(stderr_end),
                                SHOWN(content_type),
                                SHOWN(data),
                                .attempts = letter->attempts,
                                .buried_unix_ms = letter->buried_unix_ms,
                                .sequence = letter->sequence,
                                .size = letter->size };
#undef SHOWN
}

static void list_answer(const struct list_job *job)
{
    struct rpc_letter *shown = calloc(job->count + 1, sizeof *shown);
    for (uint32_t i = 0; shown != NULL && i < job->count; i++) {
        shown[i] = letter_show(&job->letters[i]);
    }
    struct rpc_answer answer = { .id = job->rpc_id,
                                 .kind = RPC_ANSWER_LETTERS,
                                 .letters = shown,
                                 .letter_count = shown == NULL ? 0 : job->count,
                                 .next = job->next };
    rpc_server_answer(job->instance->rpc, &answer);
    free(shown);
}

static void list_done(void *argument, bool cancelled)
{
    struct list_job *job = argument;
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (job->status != BROKER_OK) {
        letters_refuse(job->instance, job->rpc_id, job->status, &job->error);
    } else {
        list_answer(job);
    }
    for (uint32_t i = 0; i < job->count; i++) {
        event_buffer_free(&job->letters[i].text);
    }
    free(job->letters);
    free(job);
}

static void text_of(struct bytes from, char *to, size_t size)
{
    snprintf(to, size, "%.*s", (int)from.length, from.length == 0 ? "" : (const char *)from.at);
}

void letters_list(struct instance *instance, const struct rpc_request *request)
{
    const struct rpc_letters_query *query = &request->letters;
    struct list_job *job = calloc(1, sizeof *job);
    char name[SERVE_NAME_BYTES], id[SERVE_ID_BYTES];
    bool named = query->name.length == 0 || cloudevents_function_name_valid(query->name);
    if (!named) {
        admin_status(instance, request->id, RPC_STATUS_INVALID_ARGUMENT, "INVALID_FUNCTION_NAME",
                     "name: a function name matches ^[a-z][a-z0-9_-]{0,62}$");
        free(job);
        return;
    }
    if (job != NULL) {
        uint32_t most = query->whole ? LIMIT_WHOLE_MAX : LIMIT_MAX;
        uint32_t limit = query->limit == 0 ? LIMIT_USUAL : query->limit;
        *job = (struct list_job){ .instance = instance, .rpc_id = request->id, .after = query->after };
        job->whole = query->whole;
        job->limit = limit < most ? limit : most;
        text_of(query->name, name, sizeof name);
        text_of(query->request_id, id, sizeof id);
        text_of(query->cause, job->cause, sizeof job->cause);
        letters_subject(name, id, job->subject);
    }
    if (job == NULL || !control_submit(instance->control, list_run, list_done, job)) {
        admin_busy(instance, request->id);
        free(job);
    }
}
