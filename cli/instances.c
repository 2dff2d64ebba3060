/* One call; its answer as a table, as lines about one instance, or as JSON. */
#include "cli/instances.h"

#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 8, CELL_BYTES = 96, UP_BYTES = 24 };
#define ADMIN_TIMEOUT_NS INT64_C(10000000000)

struct row {
    char running[CELL_BYTES], functions[CELL_BYTES], up[UP_BYTES], languages[CELL_BYTES], durability[CELL_BYTES];
};

static void durability_json(struct document *document, const struct rpc_durability *durability)
{
    document_key(document, "durability");
    document_open(document, '{');
    if (durability->storage.length > 0) {
        document_member(document, "storage", durability->storage);
        document_member_number(document, "replicas", durability->replicas);
        document_member_number(document, "syncIntervalMs", durability->sync_interval_ms);
        document_key(document, "syncTold");
        document_truth(document, durability->sync_told);
    }
    document_close(document, '}');
}

static void instance_json(struct document *document, const struct rpc_instance *instance)
{
    char started[WHEN_BYTES];
    versions_when(instance->started_unix_ms, started);
    document_open(document, '{');
    document_member(document, "name", instance->name);
    document_member(document, "state", instance->state);
    document_member(document, "version", instance->version);
    document_member(document, "started", bytes_of(started));
    document_key(document, "languages");
    document_open(document, '[');
    for (size_t k = 0; k < instance->language_count; k++) {
        document_text(document, instance->languages[k]);
    }
    document_close(document, ']');
    document_member_number(document, "slots", instance->slots);
    document_member_number(document, "running", instance->running);
    document_member_number(document, "functions", instance->functions);
    durability_json(document, &instance->durability);
    document_close(document, '}');
}

static void instances_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "instances");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->instance_count; i++) {
        instance_json(&document, &reply->instances[i]);
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

/* How long it runs, in the largest unit of which there are two or more: "95s", "7m", "30h", "12d". */
static void up_text(int64_t started_unix_ms, char ret_text[UP_BYTES])
{
    static const struct {
        const char *name;
        int64_t seconds;
    } units[] = { { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
    int64_t seconds = (int64_t)time(NULL) - started_unix_ms / 1000;
    size_t unit = 0;
    if (started_unix_ms <= 0) {
        ret_text[0] = '\0';
        return;
    }
    seconds = seconds > 0 ? seconds : 0; /* its clock may be ahead of ours */
    while (unit + 1 < sizeof units / sizeof units[0] && seconds >= 2 * units[unit + 1].seconds) {
        unit++;
    }
    snprintf(ret_text, UP_BYTES, "%lld%s", (long long)(seconds / units[unit].seconds), units[unit].name);
}

/* "file, 1 copy, sync 2m (assumed)" */
static void durability_text(const struct rpc_durability *durability, char ret_text[CELL_BYTES])
{
    char every[SPAN_BYTES];
    if (durability->storage.length == 0) {
        snprintf(ret_text, CELL_BYTES, "not known");
        return;
    }
    span_text(durability->sync_interval_ms * 1000000, every);
    snprintf(ret_text, CELL_BYTES, "%.*s, %u cop%s, sync %s (%s)", (int)durability->storage.length,
             (const char *)durability->storage.at, durability->replicas, durability->replicas == 1 ? "y" : "ies",
             durability->sync_interval_ms == 0 ? "always" : every, durability->sync_told ? "told" : "assumed");
}

static void row_fill(const struct rpc_instance *instance, struct row *row, struct bytes cells[COLUMNS])
{
    size_t used = 0;
    snprintf(row->running, sizeof row->running, "%u/%u", instance->running, instance->slots);
    snprintf(row->functions, sizeof row->functions, "%u", instance->functions);
    up_text(instance->started_unix_ms, row->up);
    for (size_t i = 0; i < instance->language_count && used < sizeof row->languages; i++) {
        used += (size_t)snprintf(row->languages + used, sizeof row->languages - used, "%s%.*s", i == 0 ? "" : " ",
                                 (int)instance->languages[i].length, (const char *)instance->languages[i].at);
    }
    durability_text(&instance->durability, row->durability);
    const struct bytes values[COLUMNS] = { instance->name,           instance->state,          bytes_of(row->running),
                                           bytes_of(row->functions), bytes_of(row->up),        instance->version,
                                           bytes_of(row->languages), bytes_of(row->durability) };
    memcpy(cells, values, sizeof values);
}

static const char *const heading[COLUMNS] = { "NAME", "STATE",   "RUNNING",   "FUNCTIONS",
                                              "UP",   "VERSION", "LANGUAGES", "DURABILITY" };

static void instances_table(const struct rpc_reply *reply)
{
    struct bytes *cells = calloc((reply->instance_count + 1) * COLUMNS, sizeof *cells);
    struct row *rows = calloc(reply->instance_count + 1, sizeof *rows);
    for (size_t column = 0; cells != NULL && column < COLUMNS; column++) {
        cells[column] = bytes_of(heading[column]);
    }
    for (size_t i = 0; cells != NULL && rows != NULL && i < reply->instance_count; i++) {
        row_fill(&reply->instances[i], &rows[i], cells + (i + 1) * COLUMNS);
    }
    if (cells != NULL && rows != NULL) {
        table_print(stdout, cells, reply->instance_count + 1, COLUMNS);
    }
    free(cells);
    free(rows);
}

/* The same as in the table, one a line, and what the broker's part of it is worth. */
static void instance_lines(const struct rpc_instance *instance)
{
    struct row row;
    struct bytes cells[COLUMNS];
    row_fill(instance, &row, cells);
    for (size_t column = 0; column < COLUMNS; column++) {
        printf("%-11s ", heading[column]);
        say_text(stdout, cells[column]);
        putchar('\n');
    }
    if (instance->durability.storage.length > 0 && instance->durability.sync_interval_ms > 0 &&
        instance->durability.replicas < 3) {
        printf(
            "%-11s a power failure of the broker can lose what it accepted since it last wrote to disk: stead doctor\n",
            "");
    }
}

static const struct rpc_instance *instance_named(const struct rpc_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->instance_count; i++) {
        struct bytes other = reply->instances[i].name;
        if (other.length == strlen(name) && memcmp(other.at, name, other.length) == 0) {
            return &reply->instances[i];
        }
    }
    return NULL;
}

static int instance_show(const struct arguments *arguments, const struct rpc_reply *reply, const char *name)
{
    struct document document = { 0 };
    const struct rpc_instance *instance = instance_named(reply, name);
    if (instance == NULL) {
        say_error("no live instance is named %s; those there are: stead instance ls", name);
        return EXIT_USAGE;
    }
    if (arguments_has(arguments, "json")) {
        instance_json(&document, instance);
        document_print(&document);
    } else {
        instance_lines(instance);
    }
    return EXIT_DONE;
}

/* name NULL: all of them. */
static int instances_run(const struct arguments *arguments, const char *name)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_instances(client, ADMIN_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, NULL);
    } else {
        if (name != NULL) {
            code = instance_show(arguments, reply, name);
        } else if (arguments_has(arguments, "json")) {
            instances_json(reply);
        } else {
            instances_table(reply);
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

int instance_ls_run(const struct arguments *arguments)
{
    return instances_run(arguments, NULL);
}

int instance_get_run(const struct arguments *arguments)
{
    return instances_run(arguments, arguments->words[0]);
}
