/* The working thread has a gRPC client of its own. It publishes each result by one release store of `finished`. What a
 * function's first deploy finds under its name tells whether this dev added it: a Get before it says so. */
#include "cli/dev_functions.h"

#include "cli/deploy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ADMIN_TIMEOUT_NS INT64_C(30000000000)

/* -- finding ------------------------------------------------------------------------------------------------------- */

static int wanted(const struct dirent *entry)
{
    return folder_name_wanted(entry->d_name);
}

bool dev_functions_look(const char *directory, void (*found)(void *owner, const char *directory),
                        void (*looked)(void *owner, const char *directory), void *owner)
{
    struct dirent **entries;
    struct stat status;
    looked(owner, directory);
    if (folder_is_function(directory)) {
        found(owner, directory);
        return true;
    }
    int count = scandir(directory, &entries, wanted, alphasort);
    for (int i = 0; i < count; i++) {
        char path[FOLDER_PATH_BYTES];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (length < (int)sizeof path && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
            looked(owner, path);
            if (folder_is_function(path)) {
                found(owner, path);
            }
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return count >= 0;
}

struct dev_function *dev_functions_add(struct dev_functions *functions, const char *directory)
{
    for (size_t i = 0; i < functions->count; i++) {
        if (strcmp(functions->list[i]->directory, directory) == 0) {
            return functions->list[i];
        }
    }
    struct dev_function *function = functions->count < DEV_FUNCTIONS_MAX ? calloc(1, sizeof *function) : NULL;
    char *copy = function == NULL ? NULL : strdup(directory);
    if (copy == NULL) {
        free(function);
        return NULL;
    }
    function->directory = copy;
    function->work = DEV_WORK_DEPLOY;
    functions->list[functions->count++] = function;
    return function;
}

static void function_free(struct dev_function *function)
{
    dev_tree_free(&function->tree);
    free(function->directory);
    free(function->message);
    free(function);
}

void dev_functions_drop(struct dev_functions *functions, const struct dev_function *function)
{
    size_t kept = 0;
    for (size_t i = 0; i < functions->count; i++) {
        if (functions->list[i] == function) {
            function_free(functions->list[i]);
        } else {
            functions->list[kept++] = functions->list[i];
        }
    }
    functions->count = kept;
}

/* -- working ------------------------------------------------------------------------------------------------------- */

static char *message_of(const struct rpc_reply *reply)
{
    char *text;
    if (reply == NULL) {
        return strdup("out of memory");
    }
    if (bytes_equal_text(reply->reason, "LANGUAGE_NOT_SUPPORTED")) {
        return asprintf(&text, "%.*s: `stead doctor` says which tool is missing", (int)reply->message.length,
                        (const char *)reply->message.at) < 0
                   ? NULL
                   : text;
    }
    return reply->message.length > 0 ? strndup((const char *)reply->message.at, reply->message.length)
                                     : strdup(rpc_status_name(reply->status));
}

static bool is_there(struct rpc_client *client, const char *name)
{
    struct rpc_reply *reply = rpc_client_get(client, bytes_of(name), ADMIN_TIMEOUT_NS);
    bool absent = reply != NULL && reply->status == RPC_STATUS_NOT_FOUND;
    rpc_reply_free(reply);
    return !absent;
}

static void remove_one(struct dev_function *function, struct rpc_client *client)
{
    struct rpc_reply *reply = rpc_client_remove(client, bytes_of(function->name), ADMIN_TIMEOUT_NS);
    function->removed = reply != NULL && (reply->status == RPC_STATUS_OK || reply->status == RPC_STATUS_NOT_FOUND);
    function->message = function->removed ? NULL : message_of(reply);
    rpc_reply_free(reply);
}

/* The manifest may have given it another name: then what this dev added under the old one goes. */
static void name_take(struct dev_function *function, struct rpc_client *client, const char *name)
{
    bool renamed = strcmp(function->name, name) != 0;
    if (renamed && function->serving && function->added) {
        rpc_reply_free(rpc_client_remove(client, bytes_of(function->name), ADMIN_TIMEOUT_NS));
    }
    if (renamed || !function->serving) {
        function->added = !is_there(client, name);
    }
    snprintf(function->name, sizeof function->name, "%s", name);
}

static void deploy_one(struct dev_function *function, struct rpc_client *client, struct folder *folder)
{
    bool read = folder_read(function->directory, NULL, NULL, folder);
    function->ready = false;
    if (!read) {
        function->message = strdup(folder->problem);
    } else {
        name_take(function, client, folder->name);
        snprintf(function->language, sizeof function->language, "%s", folder->language);
        struct rpc_reply *reply = deploy_send(client, folder);
        function->ready = reply != NULL && reply->status == RPC_STATUS_OK;
        function->serving = function->serving || function->ready;
        function->message = function->ready ? NULL : message_of(reply);
        deploy_example(folder, function->example, sizeof function->example);
        rpc_reply_free(reply);
    }
    if (function->name[0] == '\0') {
        const char *slash = strrchr(function->directory, '/');
        snprintf(function->name, sizeof function->name, "%s", slash == NULL ? function->directory : slash + 1);
    }
    folder_free(folder);
}

static void work_one(struct dev_function *function, struct rpc_client *client, struct folder *folder)
{
    uint64_t start_ns = loop_now_ns();
    free(function->message);
    function->message = NULL;
    if (function->work == DEV_WORK_DEPLOY) {
        deploy_one(function, client, folder);
    } else {
        remove_one(function, client);
    }
    function->ms = (double)(loop_now_ns() - start_ns) / 1e6;
}

static void *work_all(void *argument)
{
    struct dev_functions *functions = argument;
    struct rpc_client *client = rpc_client_connect(functions->address);
    struct folder *folder = malloc(sizeof *folder);
    for (size_t i = 0; i < functions->todo_count && !atomic_load(&functions->cancelled); i++) {
        if (client != NULL && folder != NULL) {
            work_one(functions->list[functions->todo[i]], client, folder);
        }
        atomic_store_explicit(&functions->finished, i + 1, memory_order_release);
        loop_wake_signal(functions->wake);
    }
    free(folder);
    rpc_client_close(client);
    return NULL;
}

bool dev_functions_start(struct dev_functions *functions, const char *address, struct loop *loop,
                         void (*woken)(void *owner), void *owner)
{
    snprintf(functions->address, sizeof functions->address, "%s", address);
    errno = loop_wake_create(loop, woken, owner, &functions->wake);
    functions->wake = errno == 0 ? functions->wake : NULL;
    return functions->wake != NULL;
}

bool dev_functions_run(struct dev_functions *functions)
{
    functions->todo_count = 0;
    for (size_t i = 0; i < functions->count; i++) {
        if (functions->list[i]->work != DEV_WORK_NONE) {
            functions->todo[functions->todo_count++] = i;
        }
    }
    atomic_store(&functions->finished, 0);
    functions->running =
        functions->todo_count > 0 && pthread_create(&functions->thread, NULL, work_all, functions) == 0;
    return functions->running;
}

void dev_functions_join(struct dev_functions *functions)
{
    pthread_join(functions->thread, NULL);
    functions->running = false;
}

void dev_functions_free(struct dev_functions *functions)
{
    atomic_store(&functions->cancelled, true);
    if (functions->running) {
        dev_functions_join(functions);
    }
    if (functions->wake != NULL) {
        loop_wake_free(functions->wake);
    }
    for (size_t i = 0; i < functions->count; i++) {
        function_free(functions->list[i]);
    }
    functions->count = 0;
}
