/* The deploying thread has a gRPC client of its own. It publishes each result by one release store of `finished`. */
#include "cli/dev_functions.h"

#include "cli/deploy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(struct dev_functions *functions, const char *directory)
{
    char *copy = functions->count < DEV_FUNCTIONS_MAX ? strdup(directory) : NULL;
    if (copy != NULL) {
        functions->list[functions->count++] = (struct dev_function){ .directory = copy };
    }
}

static int wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "__pycache__") != 0;
}

bool dev_functions_find(struct dev_functions *functions, const char *directory)
{
    struct dirent **entries;
    struct stat status;
    if (folder_is_function(directory)) {
        add(functions, directory);
        return true;
    }
    int count = scandir(directory, &entries, wanted, alphasort);
    for (int i = 0; i < count; i++) {
        char path[FOLDER_PATH_BYTES];
        int length = snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
        if (length < (int)sizeof path && stat(path, &status) == 0 && S_ISDIR(status.st_mode) &&
            folder_is_function(path)) {
            add(functions, path);
        }
        free(entries[i]);
    }
    if (count >= 0) {
        free(entries);
    }
    return count >= 0;
}

static char *message_of(const struct rpc_reply *reply)
{
    if (reply == NULL) {
        return strdup("out of memory");
    }
    return reply->message.length > 0 ? strndup((const char *)reply->message.at, reply->message.length)
                                     : strdup(rpc_status_name(reply->status));
}

static void deploy_one(struct dev_function *function, struct rpc_client *client, struct folder *folder)
{
    uint64_t start_ns = loop_now_ns();
    bool read = folder_read(function->directory, NULL, NULL, folder);
    snprintf(function->name, sizeof function->name, "%s", folder->name[0] != '\0' ? folder->name : function->directory);
    snprintf(function->language, sizeof function->language, "%s", folder->language);
    if (!read) {
        function->message = strdup(folder->problem);
    } else {
        struct rpc_reply *reply = deploy_send(client, folder);
        function->ready = reply != NULL && reply->status == RPC_STATUS_OK;
        function->message = function->ready ? NULL : message_of(reply);
        deploy_example(folder, function->example, sizeof function->example);
        rpc_reply_free(reply);
    }
    folder_free(folder);
    function->ms = (double)(loop_now_ns() - start_ns) / 1e6;
}

static void *deploy_all(void *argument)
{
    struct dev_functions *functions = argument;
    struct rpc_client *client = rpc_client_connect(functions->address);
    struct folder *folder = malloc(sizeof *folder);
    for (size_t i = 0; i < functions->count && !atomic_load(&functions->cancelled); i++) {
        if (client != NULL && folder != NULL) {
            deploy_one(&functions->list[i], client, folder);
        }
        atomic_store_explicit(&functions->finished, i + 1, memory_order_release);
        loop_wake_signal(functions->wake);
    }
    free(folder);
    rpc_client_close(client);
    return NULL;
}

bool dev_functions_deploy(struct dev_functions *functions, const char *address, struct loop *loop,
                          void (*woken)(void *owner), void *owner)
{
    snprintf(functions->address, sizeof functions->address, "%s", address);
    if (loop_wake_create(loop, woken, owner, &functions->wake) != 0) {
        functions->wake = NULL;
        return false;
    }
    functions->running = pthread_create(&functions->thread, NULL, deploy_all, functions) == 0;
    return functions->running;
}

void dev_functions_free(struct dev_functions *functions)
{
    atomic_store(&functions->cancelled, true);
    if (functions->running) {
        pthread_join(functions->thread, NULL);
    }
    if (functions->wake != NULL) {
        loop_wake_free(functions->wake);
    }
    for (size_t i = 0; i < functions->count; i++) {
        free(functions->list[i].directory);
        free(functions->list[i].message);
    }
}
