/* Each command is one admin call; what comes back is one list of functions, shown as a table, as lines or as JSON. */
#include "cli/function.h"

#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/request.h"
#include "cli/table.h"
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 6 };
#define ADMIN_TIMEOUT_NS INT64_C(10000000000)

static void function_json(struct document *document, const struct rpc_function *function)
{
    char created[WHEN_BYTES];
    versions_when(function->created_unix_ms, created);
    document_open(document, '{');
    document_member(document, "name", function->name);
    document_member(document, "language", function->language);
    document_member(document, "version", function->version);
    document_member(document, "state", function->state);
    document_member(document, "message", function->message);
    document_member(document, "created", bytes_of(created));
    document_member(document, "digest", function->digest);
    document_member_number(document, "workers", function->workers);
    document_member_number(document, "revision", (int64_t)function->revision);
    versions_aliases_json(document, function);
    document_close(document, '}');
}

static void list_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "functions");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->function_count; i++) {
        function_json(&document, &reply->functions[i]);
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

static void list_table(const struct rpc_reply *reply)
{
    size_t rows = reply->function_count + 1;
    struct bytes *cells = calloc(rows * COLUMNS, sizeof *cells);
    char(*workers)[16] = calloc(rows, sizeof *workers);
    static const char *const heading[COLUMNS] = { "NAME", "LANGUAGE", "STATE", "WORKERS", "VERSION", "MESSAGE" };
    for (size_t i = 0; cells != NULL && workers != NULL && i < rows; i++) {
        const struct rpc_function *function = i == 0 ? NULL : &reply->functions[i - 1];
        for (size_t column = 0; column < COLUMNS && function == NULL; column++) {
            cells[column] = bytes_of(heading[column]);
        }
        if (function != NULL) {
            snprintf(workers[i], sizeof workers[i], "%u", function->workers);
            const struct bytes row[COLUMNS] = { function->name,       function->language, function->state,
                                                bytes_of(workers[i]), function->version,  function->message };
            memcpy(cells + i * COLUMNS, row, sizeof row);
        }
    }
    if (cells != NULL && workers != NULL) {
        table_print(stdout, cells, rows, COLUMNS);
    }
    free(cells);
    free(workers);
}

static void line_print(const char *label, struct bytes value)
{
    printf("%-9s ", label);
    say_text(stdout, value);
    putchar('\n');
}

static void function_print(const struct rpc_function *function)
{
    char created[WHEN_BYTES];
    versions_when(function->created_unix_ms, created);
    line_print("name", function->name);
    line_print("language", function->language);
    line_print("version", function->version);
    line_print("state", function->state);
    if (function->message.length > 0) {
        line_print("message", function->message);
    }
    line_print("created", bytes_of(created));
    line_print("digest", function->digest);
    printf("%-9s %u\n", "workers", function->workers);
    versions_aliases_print(function);
}

int function_ls_run(const struct arguments *arguments)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply =
        rpc_client_list(client, bytes_of(arguments_text(arguments, "language", "")), ADMIN_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, NULL);
    } else {
        if (arguments_has(arguments, "json")) {
            list_json(reply);
        } else if (reply->function_count > 0) {
            list_table(reply);
        }
        if (reply->function_count == 0) {
            say("nothing is deployed");
            say_next("stead deploy DIR");
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

/* get and rm: one function comes back. */
static int one_run(const struct arguments *arguments,
                   struct rpc_reply *(*call)(struct rpc_client *client, struct bytes name, int64_t timeout_ns),
                   const char *timeout, void (*show)(const struct rpc_function *function))
{
    int64_t timeout_ns;
    if (!request_timeout(arguments, timeout, &timeout_ns)) {
        return EXIT_USAGE;
    }
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = call(client, bytes_of(arguments->words[0]), timeout_ns);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK || reply->function_count != 1) {
        code = client_refused(arguments, reply, arguments->words[0]);
    } else {
        if (arguments_has(arguments, "json")) {
            struct document document = { 0 };
            function_json(&document, &reply->functions[0]);
            document_print(&document);
        } else {
            show(&reply->functions[0]);
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

int function_get_run(const struct arguments *arguments)
{
    return one_run(arguments, rpc_client_get, "10s", function_print);
}

static void removed_say(const struct rpc_function *function)
{
    fputs("removed  ", stderr);
    say_text(stderr, function->name);
    fputs(" (version ", stderr);
    say_text(stderr, function->version);
    fputs("); stored results stay until they expire\n", stderr);
    say_next("stead function ls");
}

int function_rm_run(const struct arguments *arguments)
{
    bool now = arguments_has(arguments, "now");
    return one_run(arguments, now ? rpc_client_remove_now : rpc_client_remove, "2m", removed_say);
}

static void released_say(const struct rpc_function *function)
{
    fputs("released  ", stderr);
    say_text(stderr, function->name);
    fputc('\n', stderr);
    say_next("stead dead redrive --function %.*s", (int)function->name.length, (const char *)function->name.at);
}

int function_release_run(const struct arguments *arguments)
{
    return one_run(arguments, rpc_client_release, "10s", released_say);
}
