/* Versions are kept after they were replaced, so a rollback builds nothing: it moves the alias `live`. An alias divides
 * its requests among versions by weights that sum up to 100; both are checked here, where the words can be named. */
#include "cli/versions.h"

#include "cli/client.h"
#include "cli/request.h"
#include "cli/rollout.h"
#include "cli/say.h"
#include "cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 4, DIGEST_SHOWN = 12, WEIGHTS_BYTES = 200, WEIGHT_ALL = 100 };
#define ADMIN_TIMEOUT_NS INT64_C(30000000000)

void versions_when(int64_t unix_ms, char ret_text[WHEN_BYTES])
{
    struct tm parts;
    time_t seconds = (time_t)(unix_ms / 1000);
    ret_text[0] = '\0';
    if (unix_ms > 0 && gmtime_r(&seconds, &parts) != NULL) {
        strftime(ret_text, WHEN_BYTES, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
}

/* -- aliases shown ------------------------------------------------------------------------------------------------- */

static void key_of(struct document *document, struct bytes text)
{
    char key[128];
    snprintf(key, sizeof key, "%.*s", (int)text.length, (const char *)text.at);
    document_key(document, key);
}

void versions_aliases_json(struct document *document, const struct rpc_function *function)
{
    document_key(document, "aliases");
    document_open(document, '{');
    for (size_t i = 0; i < function->alias_count; i++) {
        const struct rpc_alias *alias = &function->aliases[i];
        key_of(document, alias->name);
        document_open(document, '{');
        for (size_t k = 0; k < alias->route_count; k++) {
            key_of(document, alias->routes[k].version);
            document_number(document, alias->routes[k].weight);
        }
        document_close(document, '}');
    }
    document_close(document, '}');
}

void versions_alias_print(FILE *out, const struct rpc_alias *alias)
{
    say_text(out, alias->name);
    fprintf(out, "%*s", alias->name.length < 9 ? 9 - (int)alias->name.length : 0, "");
    for (size_t i = 0; i < alias->route_count; i++) {
        fputc(' ', out);
        say_text(out, alias->routes[i].version);
        if (alias->route_count > 1) {
            fprintf(out, "=%u", alias->routes[i].weight);
        }
    }
    fputc('\n', out);
}

void versions_aliases_print(const struct rpc_function *function)
{
    for (size_t i = 0; i < function->alias_count; i++) {
        versions_alias_print(stdout, &function->aliases[i]);
    }
}

/* -- versions ------------------------------------------------------------------------------------------------------ */

static void versions_json(const struct rpc_reply *reply, const char *name)
{
    char created[WHEN_BYTES];
    struct document document = { 0 };
    document_open(&document, '{');
    document_member(&document, "name", bytes_of(name));
    document_key(&document, "versions");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->version_count; i++) {
        const struct rpc_version *version = &reply->versions[i];
        versions_when(version->created_unix_ms, created);
        document_open(&document, '{');
        document_member(&document, "version", version->version);
        document_member(&document, "created", bytes_of(created));
        document_member(&document, "digest", version->digest);
        document_key(&document, "aliases");
        document_open(&document, '[');
        for (size_t k = 0; k < version->alias_count; k++) {
            document_text(&document, version->aliases[k]);
        }
        document_close(&document, ']');
        document_close(&document, '}');
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

/* "live=90 beta", the weight of a whole alias left out. */
static void weights_text(const struct rpc_version *version, char ret_text[WEIGHTS_BYTES])
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < version->alias_count && used < WEIGHTS_BYTES; i++) {
        struct bytes alias = version->aliases[i];
        bool all = alias.length > 4 && memcmp(alias.at + alias.length - 4, "=100", 4) == 0;
        used += (size_t)snprintf(ret_text + used, WEIGHTS_BYTES - used, "%s%.*s", i == 0 ? "" : " ",
                                 (int)(alias.length - (all ? 4 : 0)), (const char *)alias.at);
    }
}

static void versions_table(const struct rpc_reply *reply)
{
    static const char *const heading[COLUMNS] = { "VERSION", "CREATED", "DIGEST", "ALIASES" };
    size_t rows = reply->version_count + 1;
    struct bytes *cells = calloc(rows * COLUMNS, sizeof *cells);
    char(*created)[WHEN_BYTES] = calloc(rows, sizeof *created);
    char(*weights)[WEIGHTS_BYTES] = calloc(rows, sizeof *weights);
    bool good = cells != NULL && created != NULL && weights != NULL;
    for (size_t column = 0; good && column < COLUMNS; column++) {
        cells[column] = bytes_of(heading[column]);
    }
    for (size_t i = 1; good && i < rows; i++) {
        const struct rpc_version *version = &reply->versions[i - 1];
        struct bytes digest = version->digest;
        digest.length = digest.length < DIGEST_SHOWN ? digest.length : DIGEST_SHOWN;
        versions_when(version->created_unix_ms, created[i]);
        weights_text(version, weights[i]);
        const struct bytes row[COLUMNS] = { version->version, bytes_of(created[i]), digest, bytes_of(weights[i]) };
        memcpy(cells + i * COLUMNS, row, sizeof row);
    }
    if (good) {
        table_print(stdout, cells, rows, COLUMNS);
    }
    free(cells);
    free(created);
    free(weights);
}

int function_versions_run(const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_versions(client, bytes_of(name), ADMIN_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, name);
    } else {
        if (arguments_has(arguments, "json")) {
            versions_json(reply, name);
        } else {
            versions_table(reply);
        }
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

/* -- what moves an alias ------------------------------------------------------------------------------------------- */

static void moved_json(const struct rpc_function *function, const struct rollout_result *rollout)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, true);
    document_member(&document, "name", function->name);
    document_member(&document, "version", function->version);
    versions_aliases_json(&document, function);
    if (rollout != NULL) {
        document_member_number(&document, "ready", rollout->ready);
        document_member_number(&document, "instances", rollout->total);
    }
    document_close(&document, '}');
    document_print(&document);
}

/* Shows the function as it is now, after every instance follows if --wait is there; frees the reply. */
static int moved_show(const struct arguments *arguments, struct rpc_client *client, struct rpc_reply *reply,
                      int64_t timeout_ns)
{
    const char *name = arguments->words[0];
    struct rollout_result rollout;
    bool wait = arguments_has(arguments, "wait");
    if (reply == NULL || reply->status != RPC_STATUS_OK || reply->function_count != 1) {
        return client_refused(arguments, reply, name);
    }
    const struct rpc_function *function = &reply->functions[0];
    int code = wait ? rollout_wait(arguments, client, name, function->revision, timeout_ns, &rollout) : EXIT_DONE;
    if (code == EXIT_DONE && arguments_has(arguments, "json")) {
        moved_json(function, wait ? &rollout : NULL);
    } else if (code == EXIT_DONE) {
        versions_aliases_print(function);
    }
    rpc_reply_free(reply);
    return code;
}

int function_rollback_run(const struct arguments *arguments)
{
    const char *name = arguments->words[0];
    const char *version = arguments->word_count > 1 ? arguments->words[1] : "";
    int64_t timeout_ns;
    if (!request_timeout(arguments, "2m", &timeout_ns)) {
        return EXIT_USAGE;
    }
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_rollback(client, bytes_of(name), bytes_of(version), ADMIN_TIMEOUT_NS);
    int code = moved_show(arguments, client, reply, timeout_ns);
    if (code == EXIT_DONE) {
        say_next("stead function versions %s", name);
    }
    rpc_client_close(client);
    return code;
}

/* -- alias --------------------------------------------------------------------------------------------------------- */

/* "VERSION" or "VERSION=WEIGHT"; a weight of 0 in the route means that there was none. */
static bool route_read(const char *word, struct rpc_route *ret_route)
{
    const char *equals = strchr(word, '=');
    char *end = NULL;
    long weight = equals == NULL ? 0 : strtol(equals + 1, &end, 10);
    bool good = equals == NULL || (equals[1] >= '1' && equals[1] <= '9' && *end == '\0' && weight <= WEIGHT_ALL);
    size_t length = equals == NULL ? strlen(word) : (size_t)(equals - word);
    if (!good || length == 0) {
        say_error("\"%s\": write VERSION or VERSION=WEIGHT, a weight from 1 to %d", word, WEIGHT_ALL);
        return false;
    }
    *ret_route = (struct rpc_route){ { (const uint8_t *)word, length }, (uint32_t)weight };
    return true;
}

static bool alias_read(const struct arguments *arguments, struct rpc_alias *ret_alias)
{
    uint32_t sum = 0;
    *ret_alias = (struct rpc_alias){ .name = bytes_of(arguments->words[1]), .route_count = arguments->word_count - 2 };
    if (ret_alias->route_count == 0 || ret_alias->route_count > RPC_ROUTES_MAX) {
        say_error("alias %s: name 1 to %d versions, as VERSION or VERSION=WEIGHT", arguments->words[1], RPC_ROUTES_MAX);
        return false;
    }
    for (size_t i = 0; i < ret_alias->route_count; i++) {
        if (!route_read(arguments->words[i + 2], &ret_alias->routes[i])) {
            return false;
        }
        sum += ret_alias->routes[i].weight;
    }
    if (ret_alias->route_count == 1 && sum == 0) {
        ret_alias->routes[0].weight = sum = WEIGHT_ALL;
    }
    if (sum != WEIGHT_ALL) {
        say_error("alias %s: the weights sum up to %u instead of %d", arguments->words[1], sum, WEIGHT_ALL);
        return false;
    }
    return true;
}

static int aliases_list(const struct arguments *arguments, struct rpc_client *client)
{
    struct rpc_reply *reply = rpc_client_get(client, bytes_of(arguments->words[0]), ADMIN_TIMEOUT_NS);
    if (reply == NULL || reply->status != RPC_STATUS_OK || reply->function_count != 1) {
        return client_refused(arguments, reply, arguments->words[0]);
    }
    if (arguments_has(arguments, "json")) {
        moved_json(&reply->functions[0], NULL);
    } else {
        versions_aliases_print(&reply->functions[0]);
    }
    rpc_reply_free(reply);
    return EXIT_DONE;
}

int function_alias_run(const struct arguments *arguments)
{
    const char *removed = arguments_text(arguments, "rm", NULL);
    struct rpc_alias alias = { .name = bytes_of(removed != NULL ? removed : "") };
    int64_t timeout_ns;
    bool list = arguments->word_count == 1 && removed == NULL;
    if (removed != NULL && arguments->word_count > 1) {
        say_error("--rm %s and an alias to set: one at a time", removed);
        return EXIT_USAGE;
    }
    if (!request_timeout(arguments, "2m", &timeout_ns) ||
        (!list && removed == NULL && !alias_read(arguments, &alias))) {
        return EXIT_USAGE;
    }
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    int code = list ? aliases_list(arguments, client)
                    : moved_show(arguments, client,
                                 rpc_client_alias(client, bytes_of(arguments->words[0]), &alias, ADMIN_TIMEOUT_NS),
                                 timeout_ns);
    rpc_client_close(client);
    return code;
}
