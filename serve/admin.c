/* The admin service. Lists and gets are answered from what this instance knows; everything that changes something goes
 * through the broker, where every instance sees it. */
#include "serve/jobs.h"
#include "serve/deploy.h"
#include "serve/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void admin_status(struct instance *instance, uint64_t rpc_id, enum rpc_status status, const char *reason,
                  const char *text)
{
    struct rpc_answer answer = { .id = rpc_id,
                                 .kind = RPC_ANSWER_STATUS,
                                 .status = status,
                                 .reason = bytes_of(reason),
                                 .text = bytes_of(text),
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    rpc_server_answer(instance->rpc, &answer);
}

void admin_shutting_down(struct instance *instance, uint64_t rpc_id)
{
    admin_status(instance, rpc_id, RPC_STATUS_UNAVAILABLE, "SHUTTING_DOWN", "this instance is shutting down");
}

void admin_busy(struct instance *instance, uint64_t rpc_id)
{
    admin_status(instance, rpc_id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL", "too many jobs wait; try again later");
}

static void aliases_show(const struct record *record, struct rpc_function *ret)
{
    for (size_t place = 0; place < SERVE_ALIASES_MAX; place++) {
        const struct record_alias *alias = &record->aliases[place];
        if (alias->name[0] == '\0') {
            continue;
        }
        struct rpc_alias *shown = &ret->aliases[ret->alias_count++];
        shown->name = bytes_of(alias->name);
        shown->route_count = alias->count;
        for (uint32_t i = 0; i < alias->count; i++) {
            shown->routes[i] = (struct rpc_route){ bytes_of(alias->routes[i].version), alias->routes[i].weight };
        }
    }
}

/* `message` is the caller's memory, which the answer refers to. */
static void function_show(const struct instance *instance, const struct function_side *side, struct bytes message,
                          struct rpc_function *ret)
{
    uint32_t workers = 0;
    for (uint32_t i = 0; i < SERVE_WORKERS_MAX; i++) {
        const struct worker_side *worker = &instance->workers[i];
        const struct function_side *of = &instance->functions[worker->function];
        workers += worker->used && strcmp(of->record.name, side->record.name) == 0;
    }
    *ret = (struct rpc_function){ .language = bytes_of(side->record.language),
                                  .name = bytes_of(side->record.name),
                                  .version = bytes_of(side->record.version),
                                  .state = bytes_of(side->quarantine_until_ns != 0 ? "QUARANTINED"
                                                                                   : function_state_name(side->state)),
                                  .message = message,
                                  .digest = bytes_of(side->record.digest),
                                  .created_unix_ms = side->record.created_unix_ms,
                                  .workers = workers,
                                  .revision = side->record.revision };
    aliases_show(&side->record, ret);
}

static void answer_functions(struct instance *instance, uint64_t rpc_id, const struct rpc_function *list, size_t count)
{
    struct rpc_answer answer = { .id = rpc_id,
                                 .kind = RPC_ANSWER_FUNCTIONS,
                                 .functions = list,
                                 .function_count = count,
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    rpc_server_answer(instance->rpc, &answer);
}

static int compare_functions(const void *a, const void *b)
{
    const struct rpc_function *left = a, *right = b;
    return strcmp((const char *)left->name.at, (const char *)right->name.at); /* Names are unique C strings here. */
}

static void admin_list(struct instance *instance, const struct rpc_request *request)
{
    struct rpc_function *list = calloc(SERVE_FUNCTIONS_MAX, sizeof *list);
    size_t count = 0;
    for (uint32_t i = 0; list != NULL && i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        bool wanted = request->name.length == 0 || bytes_equal_text(request->name, side->record.language);
        if (side->used && !side->stray && !row_is_route(side->row) && wanted) {
            function_show(instance, side, bytes_of(side->message), &list[count++]);
        }
    }
    if (list != NULL) {
        qsort(list, count, sizeof *list, compare_functions);
    }
    answer_functions(instance, request->id, list, count);
    free(list);
}

struct function_side *admin_find(struct instance *instance, const struct rpc_request *request)
{
    char name[SERVE_NAME_BYTES];
    if (request->name.length < sizeof name) {
        memcpy(name, request->name.at, request->name.length);
        name[request->name.length] = '\0';
        struct function_side *side = function_named(instance, name);
        if (side != NULL) {
            return side;
        }
    }
    admin_status(instance, request->id, RPC_STATUS_NOT_FOUND, "FUNCTION_NOT_FOUND",
                 "no function of that name is deployed");
    return NULL;
}

static void admin_get(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    if (side != NULL) {
        admin_answer_function(instance, request->id, side);
    }
}

void admin_answer_function(struct instance *instance, uint64_t rpc_id, const struct function_side *side)
{
    struct rpc_function shown;
    char message[BUILD_MESSAGE_BYTES_MAX + 64];
    functions_message(side, message, sizeof message);
    function_show(instance, side, bytes_of(message), &shown);
    answer_functions(instance, rpc_id, &shown, 1);
}

void admin_answer_record(struct instance *instance, uint64_t rpc_id, const struct record *record, const char *state)
{
    struct rpc_function shown = { .language = bytes_of(record->language),
                                  .name = bytes_of(record->name),
                                  .version = bytes_of(record->version),
                                  .digest = bytes_of(record->digest),
                                  .created_unix_ms = record->created_unix_ms,
                                  .revision = record->revision,
                                  .state = bytes_of(state) };
    aliases_show(record, &shown);
    answer_functions(instance, rpc_id, &shown, 1);
}

void admin_request(struct instance *instance, const struct rpc_request *request)
{
    switch (request->kind) {
    case RPC_LIST:
        admin_list(instance, request);
        break;
    case RPC_GET:
        admin_get(instance, request);
        break;
    case RPC_REMOVE:
        removal_start(instance, request);
        break;
    case RPC_VERSIONS:
        versions_list(instance, request);
        break;
    case RPC_ROLLBACK:
        versions_rollback(instance, request);
        break;
    case RPC_ALIAS:
        versions_alias(instance, request);
        break;
    case RPC_ROLLOUT:
        rollout_function(instance, request);
        break;
    case RPC_QUEUES:
        queues_list(instance, request);
        break;
    case RPC_PAUSE:
        queue_pause(instance, request);
        break;
    case RPC_INSTANCES:
        rollout_instances(instance, request);
        break;
    case RPC_RELEASE:
        quarantine_let_go(instance, request);
        break;
    case RPC_LETTERS:
        letters_list(instance, request);
        break;
    case RPC_REDRIVE:
    case RPC_DROP:
        letters_change(instance, request);
        break;
    default:
        deploy_start(instance, request->id, request->deploy);
    }
}
