/* The requests of FunctionAdmin. Their texts stay views of the unpacked message, which lives in the request's arena. */
#include <stdio.h>

#include "adapters/grpc/rpc_decode_inside.h"
#include "proto/function_admin.pb-c.h"

enum {
    FIELDS_MAX_DEPLOY = 64 * 1024,
    FILES_MAX = 4096,
    PERCENT_MAX = 100,
};

static bool deploy_files(struct rpc_request_box *box, const Function__V1__DeployRequest *message,
                         struct rpc_refusal *ret_refusal)
{
    if (message->n_files == 0 || message->n_files > FILES_MAX) {
        rpc_decode_refuse_field(ret_refusal, "files",
                                message->n_files == 0 ? "there are no files; send the function's folder"
                                                      : "more than 4096 files");
        return false;
    }
    struct rpc_file *files = rpc_arena_take(&box->arena, message->n_files * sizeof *files);
    if (!files) {
        rpc_decode_no_memory(ret_refusal);
        return false;
    }
    for (size_t i = 0; i < message->n_files; i++) {
        const Function__V1__File *file = message->files[i];
        files[i] = (struct rpc_file){ rpc_view(file->path), rpc_view(file->content), file->executable };
        if (!rpc_decode_text(files[i].path, "files.path", false, ret_refusal))
            return false;
    }
    box->deploy.files = files;
    box->deploy.file_count = message->n_files;
    return true;
}

static bool decode_deploy(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__deploy_request__descriptor, bytes, FIELDS_MAX_DEPLOY,
                                                    &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__DeployRequest *message = (const Function__V1__DeployRequest *)unpacked;
    box->deploy.language = rpc_view(message->language);
    box->deploy.name = rpc_view(message->name);
    box->deploy.manifest = rpc_view(message->manifest);
    box->deploy.alias = rpc_view(message->alias);
    box->deploy.canary_percent = message->canary_percent;
    box->deploy.no_wait = message->no_wait;
    box->request.deploy = &box->deploy;
    box->request.name = box->deploy.name;
    if (message->canary_percent > PERCENT_MAX - 1) {
        rpc_decode_refuse_field(ret_refusal, "canary_percent",
                                "canary_percent must be 1 to 99, or 0 to give the new version all requests");
        return false;
    }
    return rpc_decode_text(box->deploy.language, "language", true, ret_refusal) &&
           rpc_decode_text(box->deploy.name, "name", false, ret_refusal) &&
           rpc_decode_text(box->deploy.manifest, "manifest", true, ret_refusal) &&
           rpc_decode_text(box->deploy.alias, "alias", true, ret_refusal) && deploy_files(box, message, ret_refusal);
}

/* List, Get, Versions, Rollout and Release: one text in field 1 each. */
static bool decode_name(struct rpc_request_box *box, enum rpc_kind kind, struct bytes bytes,
                        struct rpc_refusal *ret_refusal)
{
    _Static_assert(sizeof(Function__V1__ListRequest) == sizeof(Function__V1__GetRequest), "one text each");
    _Static_assert(sizeof(Function__V1__VersionsRequest) == sizeof(Function__V1__GetRequest), "one text each");
    _Static_assert(sizeof(Function__V1__RolloutRequest) == sizeof(Function__V1__GetRequest), "one text each");
    _Static_assert(sizeof(Function__V1__ReleaseRequest) == sizeof(Function__V1__GetRequest), "one text each");
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__get_request__descriptor, bytes, RPC_FIELDS_MAX_SMALL,
                                                    &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    bool list = kind == RPC_LIST;
    box->request.name = rpc_view(((const Function__V1__GetRequest *)unpacked)->name);
    return rpc_decode_text(box->request.name, list ? "language" : "name", list, ret_refusal);
}

static bool decode_remove(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__remove_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__RemoveRequest *message = (const Function__V1__RemoveRequest *)unpacked;
    box->request.name = rpc_view(message->name);
    box->request.now = message->now;
    return rpc_decode_text(box->request.name, "name", false, ret_refusal);
}

static bool decode_rollback(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__rollback_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__RollbackRequest *message = (const Function__V1__RollbackRequest *)unpacked;
    box->request.name = rpc_view(message->name);
    box->request.version = rpc_view(message->version);
    return rpc_decode_text(box->request.name, "name", false, ret_refusal) &&
           rpc_decode_text(box->request.version, "version", true, ret_refusal);
}

/* No routes at all remove the alias; otherwise the weights share out a hundred. */
static bool decode_routes(struct rpc_alias *alias, const Function__V1__SetAliasRequest *message,
                          struct rpc_refusal *ret_refusal)
{
    char why[128];
    uint32_t sum = 0;
    if (message->n_routes > RPC_ROUTES_MAX) {
        snprintf(why, sizeof why, "there are %zu routes; an alias divides its requests among at most %d versions",
                 message->n_routes, RPC_ROUTES_MAX);
        rpc_decode_refuse_field(ret_refusal, "routes", why);
        return false;
    }
    for (size_t i = 0; i < message->n_routes; i++) {
        const Function__V1__Route *route = message->routes[i];
        if (!rpc_decode_text(rpc_view(route->version), "routes.version", false, ret_refusal))
            return false;
        if (route->weight < 1 || route->weight > PERCENT_MAX) {
            snprintf(why, sizeof why, "a route has the weight %u; it must be 1 to 100", route->weight);
            rpc_decode_refuse_field(ret_refusal, "routes.weight", why);
            return false;
        }
        alias->routes[alias->route_count++] = (struct rpc_route){ rpc_view(route->version), route->weight };
        sum += route->weight;
    }
    if (sum == PERCENT_MAX || message->n_routes == 0)
        return true;
    snprintf(why, sizeof why, "the weights sum up to %u; they must sum up to 100", sum);
    rpc_decode_refuse_field(ret_refusal, "routes.weight", why);
    return false;
}

static bool decode_alias(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__set_alias_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__SetAliasRequest *message = (const Function__V1__SetAliasRequest *)unpacked;
    box->request.name = rpc_view(message->name);
    box->request.alias.name = rpc_view(message->alias);
    return rpc_decode_text(box->request.name, "name", false, ret_refusal) &&
           rpc_decode_text(box->request.alias.name, "alias", false, ret_refusal) &&
           decode_routes(&box->request.alias, message, ret_refusal);
}

static bool decode_letters(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__dead_letters_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__DeadLettersRequest *message = (const Function__V1__DeadLettersRequest *)unpacked;
    box->request.letters = (struct rpc_letters_query){ .name = rpc_view(message->name),
                                                       .request_id = rpc_view(message->request_id),
                                                       .cause = rpc_view(message->cause),
                                                       .after = message->after,
                                                       .limit = message->limit,
                                                       .whole = message->whole };
    const struct rpc_letters_query *letters = &box->request.letters;
    return rpc_decode_text(letters->name, "name", true, ret_refusal) &&
           rpc_decode_text(letters->request_id, "request_id", true, ret_refusal) &&
           rpc_decode_text(letters->cause, "cause", true, ret_refusal) &&
           (letters->request_id.length == 0 || rpc_decode_id(letters->request_id, ret_refusal));
}

/* Redrive and Drop. */
static bool decode_letter(struct rpc_request_box *box, struct bytes bytes, struct rpc_refusal *ret_refusal)
{
    _Static_assert(sizeof(Function__V1__DropRequest) == sizeof(Function__V1__RedriveRequest), "two texts each");
    ProtobufCMessage *unpacked = rpc_decode_message(&function__v1__redrive_request__descriptor, bytes,
                                                    RPC_FIELDS_MAX_SMALL, &box->arena, ret_refusal);
    if (!unpacked)
        return false;
    const Function__V1__RedriveRequest *message = (const Function__V1__RedriveRequest *)unpacked;
    box->request.name = rpc_view(message->name);
    box->request.request_id = rpc_view(message->request_id);
    return rpc_decode_text(box->request.name, "name", false, ret_refusal) &&
           rpc_decode_text(box->request.request_id, "request_id", false, ret_refusal) &&
           rpc_decode_id(box->request.request_id, ret_refusal);
}

bool rpc_decode_admin(struct rpc_request_box *box, enum rpc_kind kind, struct bytes message,
                      struct rpc_refusal *ret_refusal)
{
    switch (kind) {
    case RPC_DEPLOY:
        return decode_deploy(box, message, ret_refusal);
    case RPC_REMOVE:
        return decode_remove(box, message, ret_refusal);
    case RPC_ROLLBACK:
        return decode_rollback(box, message, ret_refusal);
    case RPC_ALIAS:
        return decode_alias(box, message, ret_refusal);
    case RPC_QUEUES:
        return rpc_decode_queues(box, message, ret_refusal);
    case RPC_PAUSE:
        return rpc_decode_pause(box, message, ret_refusal);
    case RPC_LETTERS:
        return decode_letters(box, message, ret_refusal);
    case RPC_REDRIVE:
    case RPC_DROP:
        return decode_letter(box, message, ret_refusal);
    case RPC_INSTANCES:
        return rpc_decode_message(&function__v1__instances_request__descriptor, message, RPC_FIELDS_MAX_SMALL,
                                  &box->arena, ret_refusal) != NULL;
    default:
        return decode_name(box, kind, message, ret_refusal);
    }
}
