/* Responses of FunctionAdmin become arrays of plain values in the reply's arena; their texts are views of the unpacked
 * message. More aliases or routes than our own server gives make a response unreadable rather than cut. */
#include "adapters/grpc/rpc_reply_inside.h"
#include "proto/function_admin.pb-c.h"

static int64_t milliseconds(const Google__Protobuf__Timestamp *time)
{
    if (!time || time->seconds > INT64_MAX / 1000 - 1 || time->seconds < INT64_MIN / 1000 + 1)
        return 0;
    return time->seconds * 1000 + time->nanos / 1000000;
}

static bool alias_read(const Function__V1__Alias *from, struct rpc_alias *to)
{
    if (from->n_routes > RPC_ROUTES_MAX)
        return false;
    *to = (struct rpc_alias){ .name = rpc_reply_view(from->name), .route_count = from->n_routes };
    for (size_t i = 0; i < from->n_routes; i++)
        to->routes[i] = (struct rpc_route){ rpc_reply_view(from->routes[i]->version), from->routes[i]->weight };
    return true;
}

static bool function_read(const Function__V1__Function *from, struct rpc_function *to)
{
    if (from->n_aliases > RPC_ALIASES_MAX)
        return false;
    *to = (struct rpc_function){ .language = rpc_reply_view(from->language),
                                 .name = rpc_reply_view(from->name),
                                 .version = rpc_reply_view(from->version),
                                 .state = rpc_reply_view(from->state),
                                 .message = rpc_reply_view(from->message),
                                 .digest = rpc_reply_view(from->digest),
                                 .created_unix_ms = milliseconds(from->created),
                                 .workers = from->workers,
                                 .revision = from->revision,
                                 .alias_count = from->n_aliases };
    for (size_t i = 0; i < from->n_aliases; i++)
        if (!alias_read(from->aliases[i], &to->aliases[i]))
            return false;
    return true;
}

static void functions_read(struct rpc_reply_box *box, Function__V1__Function *const *functions, size_t count)
{
    struct rpc_function *list = rpc_arena_take(&box->arena, count * sizeof *list);
    bool fine = list;
    for (size_t i = 0; fine && i < count; i++)
        fine = function_read(functions[i], &list[i]);
    if (!fine) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    box->reply.functions = list;
    box->reply.function_count = count;
}

void rpc_reply_list_read(struct rpc_reply_box *box)
{
    const Function__V1__ListResponse *response =
        (const Function__V1__ListResponse *)rpc_reply_unpack(box, &function__v1__list_response__descriptor);
    if (response)
        functions_read(box, response->functions, response->n_functions);
}

/* Deploy, Get, Remove, Rollback and SetAlias all answer with one function in field 1. */
void rpc_reply_function_read(struct rpc_reply_box *box)
{
    const Function__V1__GetResponse *response =
        (const Function__V1__GetResponse *)rpc_reply_unpack(box, &function__v1__get_response__descriptor);
    if (response && response->function)
        functions_read(box, &response->function, 1);
}

static bool version_read(const Function__V1__Version *from, struct rpc_version *to)
{
    if (from->n_aliases > RPC_ALIASES_MAX)
        return false;
    *to = (struct rpc_version){ .version = rpc_reply_view(from->version),
                                .digest = rpc_reply_view(from->digest),
                                .created_unix_ms = milliseconds(from->created),
                                .alias_count = from->n_aliases };
    for (size_t i = 0; i < from->n_aliases; i++)
        to->aliases[i] = rpc_reply_view(from->aliases[i]);
    return true;
}

void rpc_reply_versions_read(struct rpc_reply_box *box)
{
    const Function__V1__VersionsResponse *response =
        (const Function__V1__VersionsResponse *)rpc_reply_unpack(box, &function__v1__versions_response__descriptor);
    if (!response)
        return;
    struct rpc_version *versions = rpc_arena_take(&box->arena, response->n_versions * sizeof *versions);
    bool fine = versions;
    for (size_t i = 0; fine && i < response->n_versions; i++)
        fine = version_read(response->versions[i], &versions[i]);
    if (!fine) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    box->reply.versions = versions;
    box->reply.version_count = response->n_versions;
}

void rpc_reply_rollout_read(struct rpc_reply_box *box)
{
    const Function__V1__RolloutResponse *response =
        (const Function__V1__RolloutResponse *)rpc_reply_unpack(box, &function__v1__rollout_response__descriptor);
    if (!response)
        return;
    struct rpc_instance_rollout *instances = rpc_arena_take(&box->arena, response->n_instances * sizeof *instances);
    if (!instances) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    for (size_t i = 0; i < response->n_instances; i++) {
        const Function__V1__InstanceRollout *from = response->instances[i];
        instances[i] = (struct rpc_instance_rollout){ rpc_reply_view(from->instance), rpc_reply_view(from->state),
                                                      rpc_reply_view(from->message), from->outdated };
    }
    box->reply.rollout = (struct rpc_rollout){ .name = rpc_reply_view(response->name),
                                               .version = rpc_reply_view(response->version),
                                               .revision = response->revision,
                                               .ready = response->ready,
                                               .total = response->total,
                                               .instances = instances,
                                               .instance_count = response->n_instances };
}

static bool instance_read(struct rpc_arena *arena, const Function__V1__Instance *from, struct rpc_instance *to)
{
    struct bytes *languages = rpc_arena_take(arena, from->n_languages * sizeof *languages);
    for (size_t i = 0; languages && i < from->n_languages; i++)
        languages[i] = rpc_reply_view(from->languages[i]);
    *to = (struct rpc_instance){ .name = rpc_reply_view(from->name),
                                 .state = rpc_reply_view(from->state),
                                 .version = rpc_reply_view(from->version),
                                 .started_unix_ms = milliseconds(from->started),
                                 .languages = languages,
                                 .language_count = from->n_languages,
                                 .slots = from->slots,
                                 .running = from->running,
                                 .functions = from->functions };
    if (from->durability)
        to->durability = (struct rpc_durability){ .storage = rpc_reply_view(from->durability->storage),
                                                  .replicas = from->durability->replicas,
                                                  .sync_interval_ms = from->durability->sync_interval_ms,
                                                  .sync_told = from->durability->sync_told };
    return languages;
}

void rpc_reply_instances_read(struct rpc_reply_box *box)
{
    const Function__V1__InstancesResponse *response =
        (const Function__V1__InstancesResponse *)rpc_reply_unpack(box, &function__v1__instances_response__descriptor);
    if (!response)
        return;
    struct rpc_instance *instances = rpc_arena_take(&box->arena, response->n_instances * sizeof *instances);
    bool fine = instances;
    for (size_t i = 0; fine && i < response->n_instances; i++)
        fine = instance_read(&box->arena, response->instances[i], &instances[i]);
    if (!fine) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    box->reply.instances = instances;
    box->reply.instance_count = response->n_instances;
}

static struct rpc_letter letter_read(const Function__V1__DeadLetter *from)
{
    return (struct rpc_letter){ .request_id = rpc_reply_view(from->request_id),
                                .function = rpc_reply_view(from->function),
                                .reason = rpc_reply_view(from->reason),
                                .cause = rpc_reply_view(from->cause),
                                .causes = rpc_reply_view(from->causes),
                                .attempts = from->attempts,
                                .error = rpc_reply_view(from->error),
                                .buried_unix_ms = milliseconds(from->buried),
                                .redriven_as = rpc_reply_view(from->redriven_as),
                                .sequence = from->sequence,
                                .exit = rpc_reply_view(from->exit),
                                .stderr_end = rpc_reply_view(from->stderr_end),
                                .content_type = rpc_reply_view(from->content_type),
                                .data = rpc_reply_view(from->data),
                                .size = from->size };
}

void rpc_reply_letters_read(struct rpc_reply_box *box)
{
    const Function__V1__DeadLettersResponse *response = (const Function__V1__DeadLettersResponse *)rpc_reply_unpack(
        box, &function__v1__dead_letters_response__descriptor);
    if (!response)
        return;
    struct rpc_letter *letters = rpc_arena_take(&box->arena, response->n_letters * sizeof *letters);
    if (!letters) {
        rpc_reply_unreadable(&box->reply);
        return;
    }
    for (size_t i = 0; i < response->n_letters; i++)
        letters[i] = letter_read(response->letters[i]);
    box->reply.letters = letters;
    box->reply.letter_count = response->n_letters;
    box->reply.next = response->next;
}

void rpc_reply_redriven_read(struct rpc_reply_box *box)
{
    const Function__V1__RedriveResponse *response =
        (const Function__V1__RedriveResponse *)rpc_reply_unpack(box, &function__v1__redrive_response__descriptor);
    if (!response)
        return;
    box->reply.request_id = rpc_reply_view(response->request_id);
    box->reply.duplicate = response->duplicate;
}
