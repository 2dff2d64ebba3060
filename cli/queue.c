/* One call each; `drain` asks again until nothing is queued, and tells how much is left whenever that changes. */
#include "cli/queue.h"

#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 8, CELL_BYTES = 24, LOOK_MS = 200 };
#define ADMIN_TIMEOUT_NS INT64_C(10000000000)
#define DRAIN_NS         INT64_C(3600000000000)

static void queue_json(struct document *document, const struct rpc_queue *queue)
{
    document_open(document, '{');
    document_member(document, "name", queue->name);
    document_member(document, "language", queue->language);
    document_member_number(document, "messages", (int64_t)queue->messages);
    document_member_number(document, "oldestMs", queue->oldest_ms);
    document_member_number(document, "maxPending", (int64_t)queue->pending_max);
    document_member_number(document, "bytes", (int64_t)queue->bytes);
    document_member_number(document, "maxSize", (int64_t)queue->bytes_max);
    document_member_number(document, "maxAgeMs", queue->age_ms_max);
    document_member_number(document, "running", queue->running);
    document_member_number(document, "concurrencyLimit", queue->concurrency_limit);
    document_member_number(document, "concurrencyMax", queue->concurrency_max);
    document_member_number(document, "takers", queue->takers);
    document_member_number(document, "inHand", queue->in_hand);
    document_member_number(document, "lastProcessedUnixMs", queue->processed_unix_ms);
    document_key(document, "paused");
    document_truth(document, queue->paused);
    document_key(document, "unknown");
    document_truth(document, queue->unknown);
    document_close(document, '}');
}

static void queues_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "queues");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->queue_count; i++) {
        queue_json(&document, &reply->queues[i]);
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

struct row {
    char messages[CELL_BYTES], oldest[CELL_BYTES], most[CELL_BYTES], running[CELL_BYTES], takers[CELL_BYTES];
};

static void age_text(int64_t age_ms, char ret_text[CELL_BYTES])
{
    if (age_ms < 0) {
        snprintf(ret_text, CELL_BYTES, "-");
    } else if (age_ms < 1000) {
        snprintf(ret_text, CELL_BYTES, "%" PRId64 "ms", age_ms);
    } else {
        int64_t seconds = age_ms / 1000;
        bool minutes = seconds >= 120, hours = seconds >= 7200;
        snprintf(ret_text, CELL_BYTES, "%" PRId64 "%s",
                 hours     ? seconds / 3600
                 : minutes ? seconds / 60
                           : seconds,
                 hours     ? "h"
                 : minutes ? "m"
                           : "s");
    }
}

static const char *queue_state(const struct rpc_queue *queue)
{
    return queue->unknown       ? "unknown function"
           : queue->paused      ? "paused"
           : queue->takers == 0 ? "nobody takes it"
                                : "open";
}

static void row_fill(const struct rpc_queue *queue, struct row *row, struct bytes cells[COLUMNS])
{
    snprintf(row->messages, CELL_BYTES, "%" PRIu64, queue->messages);
    snprintf(row->most, CELL_BYTES, "%" PRIu64, queue->pending_max);
    snprintf(row->takers, CELL_BYTES, "%u", queue->takers);
    age_text(queue->oldest_ms, row->oldest);
    snprintf(row->running, CELL_BYTES, queue->concurrency_limit == 0 ? "-" : "%u/%u", queue->running,
             queue->concurrency_limit);
    const struct bytes values[COLUMNS] = {
        queue->name,         queue->language,        bytes_of(row->messages), bytes_of(row->oldest),
        bytes_of(row->most), bytes_of(row->running), bytes_of(row->takers),   bytes_of(queue_state(queue))
    };
    memcpy(cells, values, sizeof values);
}

static void queues_table(const struct rpc_reply *reply)
{
    static const char *const heading[COLUMNS] = { "FUNCTION", "LANGUAGE", "QUEUED", "OLDEST",
                                                  "LIMIT",    "RUNNING",  "TAKERS", "STATE" };
    struct bytes *cells = calloc((reply->queue_count + 1) * COLUMNS, sizeof *cells);
    struct row *rows = calloc(reply->queue_count + 1, sizeof *rows);
    for (size_t column = 0; cells != NULL && column < COLUMNS; column++) {
        cells[column] = bytes_of(heading[column]);
    }
    for (size_t i = 0; cells != NULL && rows != NULL && i < reply->queue_count; i++) {
        row_fill(&reply->queues[i], &rows[i], cells + (i + 1) * COLUMNS);
    }
    if (cells != NULL && rows != NULL) {
        table_print(stdout, cells, reply->queue_count + 1, COLUMNS);
    }
    free(cells);
    free(rows);
}

int queue_ls_run(const struct arguments *arguments)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_queues(client, ADMIN_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, NULL);
    } else {
        if (arguments_has(arguments, "json")) {
            queues_json(reply);
        } else if (reply->queue_count > 0) {
            queues_table(reply);
        } else {
            say("nothing is deployed");
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

static int pause_run(const struct arguments *arguments, bool paused)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    const char *name = arguments->words[0];
    struct rpc_reply *reply = rpc_client_pause(client, bytes_of(name), paused, ADMIN_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, name);
    } else {
        if (arguments_has(arguments, "json")) {
            queues_json(reply);
        } else {
            printf("%s %s\n", paused ? "paused" : "resumed", name);
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

int queue_pause_run(const struct arguments *arguments)
{
    return pause_run(arguments, true);
}

int queue_resume_run(const struct arguments *arguments)
{
    return pause_run(arguments, false);
}

/* -- drain --------------------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static const struct rpc_queue *queue_find(const struct rpc_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->queue_count; i++) {
        if (bytes_equal_text(reply->queues[i].name, name)) {
            return &reply->queues[i];
        }
    }
    return NULL;
}

struct drain {
    const struct arguments *arguments;
    const char *name;
    uint64_t left;
    bool told, known;
};

/* EXIT_DONE: nothing is left; EXIT_TRY_AGAIN: something is; others end it. */
static int drain_look(struct drain *drain, struct rpc_client *client)
{
    struct rpc_reply *reply = rpc_client_queues(client, ADMIN_TIMEOUT_NS);
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        return client_refused(drain->arguments, reply, drain->name);
    }
    const struct rpc_queue *queue = queue_find(reply, drain->name);
    uint64_t left = queue == NULL ? 0 : queue->messages;
    bool json = arguments_has(drain->arguments, "json");
    drain->known = drain->known || queue != NULL;
    if (!json && queue != NULL && left > 0 && (left != drain->left || !drain->told)) {
        say("%s: %" PRIu64 " queued%s", drain->name, left,
            queue->paused        ? ", and it is paused"
            : queue->takers == 0 ? ", and no instance takes them"
                                 : "");
        drain->told = true;
    }
    drain->left = left;
    rpc_reply_free(reply);
    return left == 0 ? EXIT_DONE : EXIT_TRY_AGAIN;
}

static int drain_end(const struct drain *drain, int code)
{
    if (code == EXIT_DONE && !drain->known) {
        say_error("there is no function %s", drain->name);
        return EXIT_USAGE;
    }
    if (arguments_has(drain->arguments, "json")) {
        printf("{\"name\": \"%s\", \"messages\": %" PRIu64 "}\n", drain->name, drain->left);
    } else if (code == EXIT_DONE) {
        printf("%s: nothing is queued\n", drain->name);
    } else {
        say_error("%s: %" PRIu64 " are still queued", drain->name, drain->left);
    }
    return code;
}

int queue_drain_run(const struct arguments *arguments)
{
    const char *text = arguments_text(arguments, "timeout", NULL);
    int64_t timeout_ns = DRAIN_NS;
    if (text != NULL && !arguments_duration(text, &timeout_ns)) {
        say_error("--timeout %s: write a time such as 500ms or 5m", text);
        return EXIT_USAGE;
    }
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct drain drain = { .arguments = arguments, .name = arguments->words[0] };
    int64_t until = now_ns() + timeout_ns;
    int code = drain_look(&drain, client);
    while (code == EXIT_TRY_AGAIN && now_ns() < until) {
        nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
        code = drain_look(&drain, client);
    }
    rpc_client_close(client);
    return code == EXIT_DONE || code == EXIT_TRY_AGAIN ? drain_end(&drain, code) : code;
}
