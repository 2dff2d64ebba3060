/* Reads the folder, sends it in one request, and shows the answer: the compiler's own words if it did not build. The
 * server answers when the new version serves, so "ready" is the time of the whole way. */
#include "cli/deploy.h"

#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/document.h"
#include "cli/request.h"
#include "cli/rollout.h"
#include "cli/say.h"
#include "cli/versions.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLE_BYTES_MAX = 200, CANARY_MAX = 99 };
#define DEPLOY_TIMEOUT    "5m" /* more than build.timeout and functions.startTimeout together */
#define DEPLOY_TIMEOUT_NS INT64_C(300000000000)

/* What the options say about the new version. */
struct wishes {
    uint32_t canary_percent;
    const char *alias;
    bool wait;
    int64_t timeout_ns;
    double sent_ms; /* how long the service took to answer */
};

static struct rpc_reply *folder_send(struct rpc_client *client, const struct folder *folder,
                                     const struct wishes *wishes)
{
    struct rpc_deploy deploy = { .language = bytes_of(folder->language),
                                 .name = bytes_of(folder->name),
                                 .manifest = bytes_of(folder->manifest),
                                 .files = folder->files,
                                 .file_count = folder->file_count,
                                 .canary_percent = wishes->canary_percent,
                                 .alias = bytes_of(wishes->alias),
                                 .no_wait = wishes->wait };
    return rpc_client_deploy(client, &deploy, wishes->timeout_ns);
}

struct rpc_reply *deploy_send(struct rpc_client *client, const struct folder *folder)
{
    static const struct wishes plain = { .alias = "", .timeout_ns = DEPLOY_TIMEOUT_NS };
    return folder_send(client, folder, &plain);
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

/* The alias that the deploy moved, or NULL. The version that was deployed is the last one that it names: all of it, or
 * the share of a canary behind the version that keeps the rest. */
static const struct rpc_alias *moved_alias(const struct wishes *wishes, const struct rpc_function *function)
{
    const char *name = wishes->alias[0] == '\0' ? "live" : wishes->alias;
    for (size_t i = 0; i < function->alias_count; i++) {
        if (bytes_equal_text(function->aliases[i].name, name) && function->aliases[i].route_count > 0) {
            return &function->aliases[i];
        }
    }
    return NULL;
}

static struct bytes deployed_version(const struct wishes *wishes, const struct rpc_function *function)
{
    const struct rpc_alias *alias = moved_alias(wishes, function);
    return alias == NULL ? function->version : alias->routes[alias->route_count - 1].version;
}

static void deployed_json(const struct wishes *wishes, const struct rpc_function *function,
                          const struct rollout_result *rollout, double ms)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, true);
    document_member(&document, "name", function->name);
    document_member(&document, "language", function->language);
    document_member(&document, "version", deployed_version(wishes, function));
    document_member(&document, "state", function->state);
    if (bytes_equal(deployed_version(wishes, function), function->version)) {
        document_member(&document, "digest", function->digest); /* else that of the version beside the canary */
    }
    versions_aliases_json(&document, function);
    if (rollout != NULL) {
        document_member_number(&document, "ready", rollout->ready);
        document_member_number(&document, "instances", rollout->total);
    }
    document_key(&document, "ms");
    document_decimal(&document, ms);
    document_close(&document, '}');
    document_print(&document);
}

static void deployed_say(const struct folder *folder, const struct wishes *wishes, const struct rpc_function *function,
                         double ms)
{
    bool aliased = wishes->alias[0] != '\0' && strcmp(wishes->alias, "live") != 0;
    char example[EXAMPLE_BYTES_MAX + 16];
    fprintf(stderr, "%sready%s    %s (%s) version ", say_colour(stderr, COLOUR_GREEN), say_colour(stderr, COLOUR_NONE),
            folder->name, folder->language);
    say_text(stderr, deployed_version(wishes, function));
    fputs(" in ", stderr);
    say_ms(stderr, ms);
    fputc('\n', stderr);
    if (function->message.length > 0) {
        say_text(stderr, function->message);
        fputc('\n', stderr);
    }
    const struct rpc_alias *alias = moved_alias(wishes, function);
    if (alias != NULL && alias->route_count > 1) {
        versions_alias_print(stderr, alias);
    }
    deploy_example(folder, example, sizeof example);
    say_next("stead invoke %s%s%s -d %s", folder->name, aliased ? "@" : "", aliased ? wishes->alias : "", example);
    if (alias != NULL && alias->route_count > 1) {
        struct bytes version = alias->routes[alias->route_count - 1].version;
        say_next("stead function alias %s %s %.*s   (it gets all)", folder->name, aliased ? wishes->alias : "live",
                 (int)version.length, (const char *)version.at);
        if (!aliased) {
            say_next("stead function rollback %s   (it gets none)", folder->name);
        }
    }
}

/* The answer of the service, and with --wait how the instances follow. Frees the reply. */
static int deployed_show(const struct arguments *arguments, struct rpc_client *client, const struct folder *folder,
                         const struct wishes *wishes, struct rpc_reply *reply)
{
    struct rollout_result rollout;
    uint64_t start_ns = loop_now_ns();
    if (reply == NULL || reply->status != RPC_STATUS_OK || reply->function_count != 1) {
        return client_refused(arguments, reply, folder->name);
    }
    const struct rpc_function *function = &reply->functions[0];
    int code = EXIT_DONE;
    if (wishes->wait) {
        fprintf(stderr, "uploaded %s (%s) version ", folder->name, folder->language);
        say_text(stderr, deployed_version(wishes, function));
        fputs(" in ", stderr);
        say_ms(stderr, wishes->sent_ms);
        fputc('\n', stderr);
        code = rollout_wait(arguments, client, folder->name, function->revision, wishes->timeout_ns, &rollout);
    }
    double ms = (double)(loop_now_ns() - start_ns) / 1e6 + wishes->sent_ms;
    if (code == EXIT_DONE && arguments_has(arguments, "json")) {
        deployed_json(wishes, function, wishes->wait ? &rollout : NULL, ms);
    }
    if (code == EXIT_DONE) {
        deployed_say(folder, wishes, function, ms);
    }
    rpc_reply_free(reply);
    return code;
}

static int deploy_folder(const struct arguments *arguments, const struct folder *folder, struct wishes *wishes)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    say("sending  %s: %zu file%s, %.1f KiB, %s", folder->name, folder->file_count, folder->file_count == 1 ? "" : "s",
        (double)folder->bytes / 1024, folder->language);
    uint64_t start_ns = loop_now_ns();
    struct rpc_reply *reply = folder_send(client, folder, wishes);
    wishes->sent_ms = (double)(loop_now_ns() - start_ns) / 1e6;
    int code = deployed_show(arguments, client, folder, wishes, reply);
    rpc_client_close(client);
    return code;
}

static bool wishes_read(const struct arguments *arguments, struct wishes *ret_wishes)
{
    const char *canary = arguments_text(arguments, "canary", NULL);
    char *end = NULL;
    long percent = canary != NULL && canary[0] >= '0' && canary[0] <= '9' ? strtol(canary, &end, 10) : 0;
    if (canary != NULL && (percent < 1 || percent > CANARY_MAX || (*end != '\0' && strcmp(end, "%") != 0))) {
        say_error("--canary %s: the percentage of requests that the new version gets, 1 to %d", canary, CANARY_MAX);
        return false;
    }
    *ret_wishes = (struct wishes){ .canary_percent = (uint32_t)percent,
                                   .alias = arguments_text(arguments, "alias", ""),
                                   .wait = arguments_has(arguments, "wait") };
    return request_timeout(arguments, DEPLOY_TIMEOUT, &ret_wishes->timeout_ns);
}

int deploy_run(const struct arguments *arguments)
{
    struct wishes wishes;
    if (!wishes_read(arguments, &wishes)) {
        return EXIT_USAGE;
    }
    struct folder *folder = malloc(sizeof *folder);
    if (folder == NULL) {
        say_error("out of memory");
        return EXIT_TRY_AGAIN;
    }
    int code;
    if (folder_read(arguments->words[0], arguments_text(arguments, "name", NULL),
                    arguments_text(arguments, "language", NULL), folder)) {
        code = deploy_folder(arguments, folder, &wishes);
    } else {
        say_error("%s", folder->problem);
        code = folder->exit_code;
    }
    folder_free(folder);
    free(folder);
    return code;
}
