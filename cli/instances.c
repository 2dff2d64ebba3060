/* One call; its answer as a table or as JSON. */
#include "cli/instances.h"

#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 7, CELL_BYTES = 96, UP_BYTES = 24 };
#define ADMIN_TIMEOUT_NS INT64_C(10000000000)

struct row {
    char running[CELL_BYTES], functions[CELL_BYTES], up[UP_BYTES], languages[CELL_BYTES];
};

static void instances_json(const struct rpc_reply *reply)
{
    char started[WHEN_BYTES];
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "instances");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->instance_count; i++) {
        const struct rpc_instance *instance = &reply->instances[i];
        versions_when(instance->started_unix_ms, started);
        document_open(&document, '{');
        document_member(&document, "name", instance->name);
        document_member(&document, "state", instance->state);
        document_member(&document, "version", instance->version);
        document_member(&document, "started", bytes_of(started));
        document_key(&document, "languages");
        document_open(&document, '[');
        for (size_t k = 0; k < instance->language_count; k++) {
            document_text(&document, instance->languages[k]);
        }
        document_close(&document, ']');
        document_member_number(&document, "slots", instance->slots);
        document_member_number(&document, "running", instance->running);
        document_member_number(&document, "functions", instance->functions);
        document_close(&document, '}');
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
    const struct bytes values[COLUMNS] = { instance->name,           instance->state,   bytes_of(row->running),
                                           bytes_of(row->functions), bytes_of(row->up), instance->version,
                                           bytes_of(row->languages) };
    memcpy(cells, values, sizeof values);
}

static void instances_table(const struct rpc_reply *reply)
{
    static const char *const heading[COLUMNS] = {
        "NAME", "STATE", "RUNNING", "FUNCTIONS", "UP", "VERSION", "LANGUAGES"
    };
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

int instance_ls_run(const struct arguments *arguments)
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
        if (arguments_has(arguments, "json")) {
            instances_json(reply);
        } else {
            instances_table(reply);
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}
