/* Reads the folder, sends it in one request, and shows the answer: the compiler's own words if it did not build. The
 * server answers when the new version serves, so "ready" is the time of the whole way. */
#include "cli/deploy.h"

#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLE_BYTES_MAX = 200 };
#define DEPLOY_TIMEOUT_NS INT64_C(300000000000) /* more than build.timeout and functions.startTimeout together */

struct rpc_reply *deploy_send(struct rpc_client *client, const struct folder *folder)
{
    struct rpc_deploy deploy = { .language = bytes_of(folder->language),
                                 .name = bytes_of(folder->name),
                                 .manifest = bytes_of(folder->manifest),
                                 .files = folder->files,
                                 .file_count = folder->file_count };
    return rpc_client_deploy(client, &deploy, DEPLOY_TIMEOUT_NS);
}

/* Copies text between single quotes; false if it can't be typed like that. */
static bool quote(const char *text, char *ret_text, size_t size)
{
    if (strchr(text, '\'') != NULL || strchr(text, '\n') != NULL || strlen(text) > EXAMPLE_BYTES_MAX) {
        return false;
    }
    return snprintf(ret_text, size, "'%s'", text) < (int)size;
}

void deploy_example(const struct folder *folder, char *ret_text, size_t size)
{
    snprintf(ret_text, size, "'{}'");
    for (size_t i = 0; i < folder->file_count; i++) {
        if (!bytes_equal_text(folder->files[i].path, "demo.json")) {
            continue;
        }
        cJSON *root = cJSON_ParseWithLength((const char *)folder->files[i].content.at, folder->files[i].content.length);
        cJSON *data = cJSON_GetObjectItemCaseSensitive(root, "data");
        char *printed = cJSON_IsString(data) ? NULL : cJSON_PrintUnformatted(data);
        const char *text = cJSON_IsString(data) ? cJSON_GetStringValue(data) : printed;
        if (text == NULL || !quote(text, ret_text, size)) {
            snprintf(ret_text, size, "'{}'");
        }
        cJSON_free(printed);
        cJSON_Delete(root);
    }
}

static void deployed_json(const struct rpc_function *function, double ms)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, true);
    document_member(&document, "name", function->name);
    document_member(&document, "language", function->language);
    document_member(&document, "version", function->version);
    document_member(&document, "state", function->state);
    document_member(&document, "digest", function->digest);
    document_key(&document, "ms");
    document_decimal(&document, ms);
    document_close(&document, '}');
    document_print(&document);
}

static void deployed_say(const struct folder *folder, const struct rpc_function *function, double ms)
{
    char example[EXAMPLE_BYTES_MAX + 16];
    fprintf(stderr, "%sready%s    %s (%s) version ", say_colour(stderr, COLOUR_GREEN), say_colour(stderr, COLOUR_NONE),
            folder->name, folder->language);
    say_text(stderr, function->version);
    fprintf(stderr, " in %.0f ms\n", ms);
    if (function->message.length > 0) {
        say_text(stderr, function->message);
        fputc('\n', stderr);
    }
    deploy_example(folder, example, sizeof example);
    say_next("stead invoke %s -d %s", folder->name, example);
}

static int deploy_folder(const struct arguments *arguments, const struct folder *folder)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    say("sending  %s: %zu file%s, %.1f KiB, %s", folder->name, folder->file_count, folder->file_count == 1 ? "" : "s",
        (double)folder->bytes / 1024, folder->language);
    uint64_t start_ns = loop_now_ns();
    struct rpc_reply *reply = deploy_send(client, folder);
    double ms = (double)(loop_now_ns() - start_ns) / 1e6;
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK || reply->function_count != 1) {
        code = client_refused(arguments, reply, folder->name);
    } else {
        if (arguments_has(arguments, "json")) {
            deployed_json(&reply->functions[0], ms);
        }
        deployed_say(folder, &reply->functions[0], ms);
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

int deploy_run(const struct arguments *arguments)
{
    struct folder *folder = malloc(sizeof *folder);
    if (folder == NULL) {
        say_error("out of memory");
        return EXIT_TRY_AGAIN;
    }
    int code;
    if (folder_read(arguments->words[0], arguments_text(arguments, "name", NULL),
                    arguments_text(arguments, "language", NULL), folder)) {
        code = deploy_folder(arguments, folder);
    } else {
        say_error("%s", folder->problem);
        code = folder->exit_code;
    }
    folder_free(folder);
    free(folder);
    return code;
}
