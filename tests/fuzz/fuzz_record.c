/* Records of functions and of versions, as anybody who may write to the buckets could put them there. One that is
 * accepted has names that are safe in subjects, paths and object names, aliases whose weights make a whole, and says
 * the same after it was printed and read again. */
#include <stdlib.h>
#include <string.h>

#include "serve/instance.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void require_hex(const char *text, size_t length)
{
    require(strlen(text) == length);
    require(strspn(text, "0123456789abcdef") == length);
}

static void require_alias(const struct record_alias *alias)
{
    uint32_t sum = 0;
    require(alias->count <= SERVE_ROUTES_MAX);
    for (uint32_t i = 0; i < alias->count; i++) {
        require_hex(alias->routes[i].version, SERVE_VERSION_BYTES - 1);
        sum += alias->routes[i].weight;
    }
    require(alias->name[0] == '\0' || cloudevents_function_name_valid(bytes_of(alias->name)));
    require(sum == (alias->name[0] == '\0' ? 0 : 100));
}

static void require_good(const struct record *record)
{
    enum cloudevents_language language;
    require(cloudevents_language_find(bytes_of(record->language), &language));
    require(cloudevents_function_name_valid(bytes_of(record->name)));
    require_hex(record->version, SERVE_VERSION_BYTES - 1);
    require_hex(record->digest, sizeof record->digest - 1);
    require(record->timeout_ns >= 1000000);
    require(record->keep_alive_ns >= 0);
    require(record->concurrency >= 1 && record->workers_max >= 1);
    require(strcmp(record->aliases[0].name, "live") == 0);
    require(strcmp(record->aliases[0].routes[0].version, record->version) == 0);
    for (size_t place = 0; place < SERVE_ALIASES_MAX; place++) {
        require_alias(&record->aliases[place]);
    }
}

static void require_same_alias(const struct record_alias *left, const struct record_alias *right)
{
    require(strcmp(left->name, right->name) == 0 && left->count == right->count);
    for (uint32_t i = 0; i < left->count; i++) {
        require(strcmp(left->routes[i].version, right->routes[i].version) == 0);
        require(left->routes[i].weight == right->routes[i].weight);
    }
}

/* The corpus is about the functions that these keys are of. */
static void read_and_write(const char *key, struct bytes text)
{
    struct record record, again;
    if (!record_parse_function(key, text, &record)) {
        return;
    }
    require_good(&record);
    char *printed = record_print(&record);
    require(printed != NULL);
    require(record_parse_function(key, bytes_of(printed), &again));
    for (size_t place = 0; place < SERVE_ALIASES_MAX; place++) {
        require_same_alias(&again.aliases[place], &record.aliases[place]);
    }
    require(strcmp(again.env, record.env) == 0 && strcmp(again.command, record.command) == 0);
    require(again.timeout_ns == record.timeout_ns && again.closing == record.closing);
    free(printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = { data, size };
    struct record version;
    record_schema(text);
    read_and_write("python.hello", text);
    read_and_write("bin.tool", text);
    if (record_parse_version("python.hello.90cd2f1aea0f13d2", text, &version)) {
        require_good(&version);
        require(strcmp(version.version, "90cd2f1aea0f13d2") == 0);
    }
    return 0;
}
