/* Responses of FunctionAdmin. The messages are nested, so their parts come from the arena; a list is an array of values
 * and an array of pointers to them, which is what protobuf-c packs. */
#include "adapters/grpc/rpc_encode.h"
#include "proto/function_admin.pb-c.h"

/* A timestamp in the arena; NULL for 0 (unknown). */
static Google__Protobuf__Timestamp *timestamp(struct rpc_arena *arena, int64_t unix_ms)
{
    Google__Protobuf__Timestamp *time = unix_ms ? rpc_arena_take(arena, sizeof *time) : NULL;
    if (!time)
        return NULL;
    google__protobuf__timestamp__init(time);
    time->seconds = unix_ms / 1000 - (unix_ms % 1000 < 0);
    time->nanos = (int32_t)(unix_ms - time->seconds * 1000) * 1000000;
    return time;
}

static bool routes_fill(struct rpc_arena *arena, Function__V1__Alias *to, const struct rpc_alias *from)
{
    Function__V1__Route *routes = rpc_arena_take(arena, from->route_count * sizeof *routes);
    to->routes = rpc_arena_take(arena, from->route_count * sizeof(Function__V1__Route *));
    if (!routes || !to->routes)
        return false;
    for (size_t i = 0; i < from->route_count; i++) {
        function__v1__route__init(&routes[i]);
        routes[i].version = rpc_data_of(from->routes[i].version);
        routes[i].weight = from->routes[i].weight;
        to->routes[i] = &routes[i];
    }
    to->n_routes = from->route_count;
    return true;
}

static bool aliases_fill(struct rpc_arena *arena, Function__V1__Function *to, const struct rpc_function *from)
{
    Function__V1__Alias *aliases = rpc_arena_take(arena, from->alias_count * sizeof *aliases);
    to->aliases = rpc_arena_take(arena, from->alias_count * sizeof(Function__V1__Alias *));
    if (!aliases || !to->aliases)
        return false;
    for (size_t i = 0; i < from->alias_count; i++) {
        function__v1__alias__init(&aliases[i]);
        aliases[i].name = rpc_data_of(from->aliases[i].name);
        if (!routes_fill(arena, &aliases[i], &from->aliases[i]))
            return false;
        to->aliases[i] = &aliases[i];
    }
    to->n_aliases = from->alias_count;
    return true;
}

/* NULL if the arena is full. */
static Function__V1__Function *function_message(struct rpc_arena *arena, const struct rpc_function *from)
{
    Function__V1__Function *to = rpc_arena_take(arena, sizeof *to);
    if (!to)
        return NULL;
    function__v1__function__init(to);
    to->language = rpc_data_of(from->language);
    to->name = rpc_data_of(from->name);
    to->version = rpc_data_of(from->version);
    to->state = rpc_data_of(from->state);
    to->message = rpc_data_of(from->message);
    to->digest = rpc_data_of(from->digest);
    to->workers = from->workers;
    to->revision = from->revision;
    to->created = timestamp(arena, from->created_unix_ms);
    return aliases_fill(arena, to, from) ? to : NULL;
}

/* All but List answer with one function in field 1, so that one message stands for all of them. */
static grpc_byte_buffer *encode_function(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    _Static_assert(sizeof(Function__V1__DeployResponse) == sizeof(Function__V1__GetResponse), "one function each");
    _Static_assert(sizeof(Function__V1__RemoveResponse) == sizeof(Function__V1__GetResponse), "one function each");
    _Static_assert(sizeof(Function__V1__RollbackResponse) == sizeof(Function__V1__GetResponse), "one function each");
    _Static_assert(sizeof(Function__V1__ReleaseResponse) == sizeof(Function__V1__GetResponse), "one function each");
    _Static_assert(sizeof(Function__V1__SetAliasResponse) == sizeof(Function__V1__GetResponse), "one function each");
    Function__V1__GetResponse response = FUNCTION__V1__GET_RESPONSE__INIT;
    if (answer->function_count != 1)
        return NULL;
    response.function = function_message(arena, answer->functions);
    return response.function ? rpc_encode_message(&response.base) : NULL;
}

static grpc_byte_buffer *encode_list(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__ListResponse list = FUNCTION__V1__LIST_RESPONSE__INIT;
    list.n_functions = answer->function_count;
    list.functions = rpc_arena_take(arena, list.n_functions * sizeof(Function__V1__Function *));
    if (!list.functions)
        return NULL;
    for (size_t i = 0; i < list.n_functions; i++) {
        list.functions[i] = function_message(arena, &answer->functions[i]);
        if (!list.functions[i])
            return NULL;
    }
    return rpc_encode_message(&list.base);
}

/* An array of texts; NULL if the arena is full. */
static ProtobufCBinaryData *texts(struct rpc_arena *arena, const struct bytes *from, size_t count)
{
    ProtobufCBinaryData *to = rpc_arena_take(arena, count * sizeof *to);
    for (size_t i = 0; to && i < count; i++)
        to[i] = rpc_data_of(from[i]);
    return to;
}

static grpc_byte_buffer *encode_versions(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__VersionsResponse response = FUNCTION__V1__VERSIONS_RESPONSE__INIT;
    size_t count = answer->version_count;
    Function__V1__Version *versions = rpc_arena_take(arena, count * sizeof *versions);
    response.versions = rpc_arena_take(arena, count * sizeof(Function__V1__Version *));
    if (!versions || !response.versions)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct rpc_version *from = &answer->versions[i];
        function__v1__version__init(&versions[i]);
        versions[i].version = rpc_data_of(from->version);
        versions[i].digest = rpc_data_of(from->digest);
        versions[i].created = timestamp(arena, from->created_unix_ms);
        versions[i].n_aliases = from->alias_count;
        versions[i].aliases = texts(arena, from->aliases, from->alias_count);
        if (!versions[i].aliases)
            return NULL;
        response.versions[i] = &versions[i];
    }
    response.n_versions = count;
    return rpc_encode_message(&response.base);
}

static grpc_byte_buffer *encode_rollout(const struct rpc_rollout *rollout, struct rpc_arena *arena)
{
    Function__V1__RolloutResponse response = FUNCTION__V1__ROLLOUT_RESPONSE__INIT;
    size_t count = rollout->instance_count;
    Function__V1__InstanceRollout *instances = rpc_arena_take(arena, count * sizeof *instances);
    response.instances = rpc_arena_take(arena, count * sizeof(Function__V1__InstanceRollout *));
    if (!instances || !response.instances)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        function__v1__instance_rollout__init(&instances[i]);
        instances[i].instance = rpc_data_of(rollout->instances[i].instance);
        instances[i].state = rpc_data_of(rollout->instances[i].state);
        instances[i].message = rpc_data_of(rollout->instances[i].message);
        instances[i].outdated = rollout->instances[i].outdated;
        response.instances[i] = &instances[i];
    }
    response.n_instances = count;
    response.name = rpc_data_of(rollout->name);
    response.version = rpc_data_of(rollout->version);
    response.revision = rollout->revision;
    response.ready = rollout->ready;
    response.total = rollout->total;
    return rpc_encode_message(&response.base);
}

/* NULL if it is not known; *ret_fine false if memory is short. */
static Function__V1__Durability *durability(struct rpc_arena *arena, const struct rpc_durability *from, bool *ret_fine)
{
    *ret_fine = true;
    if (from->storage.length == 0)
        return NULL;
    Function__V1__Durability *to = rpc_arena_take(arena, sizeof *to);
    *ret_fine = to;
    if (to) {
        function__v1__durability__init(to);
        to->storage = rpc_data_of(from->storage);
        to->replicas = from->replicas;
        to->sync_interval_ms = from->sync_interval_ms;
        to->sync_told = from->sync_told;
    }
    return to;
}

static grpc_byte_buffer *encode_instances(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__InstancesResponse response = FUNCTION__V1__INSTANCES_RESPONSE__INIT;
    size_t count = answer->instance_count;
    Function__V1__Instance *instances = rpc_arena_take(arena, count * sizeof *instances);
    response.instances = rpc_arena_take(arena, count * sizeof(Function__V1__Instance *));
    if (!instances || !response.instances)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct rpc_instance *from = &answer->instances[i];
        Function__V1__Instance *to = &instances[i];
        function__v1__instance__init(to);
        to->name = rpc_data_of(from->name);
        to->state = rpc_data_of(from->state);
        to->version = rpc_data_of(from->version);
        to->started = timestamp(arena, from->started_unix_ms);
        to->n_languages = from->language_count;
        to->languages = texts(arena, from->languages, from->language_count);
        to->slots = from->slots;
        to->running = from->running;
        to->functions = from->functions;
        bool fine;
        to->durability = durability(arena, &from->durability, &fine);
        if (!to->languages || !fine)
            return NULL;
        response.instances[i] = to;
    }
    response.n_instances = count;
    return rpc_encode_message(&response.base);
}

static void letter_fill(struct rpc_arena *arena, Function__V1__DeadLetter *to, const struct rpc_letter *from)
{
    function__v1__dead_letter__init(to);
    to->request_id = rpc_data_of(from->request_id);
    to->function = rpc_data_of(from->function);
    to->reason = rpc_data_of(from->reason);
    to->cause = rpc_data_of(from->cause);
    to->causes = rpc_data_of(from->causes);
    to->attempts = from->attempts;
    to->error = rpc_data_of(from->error);
    to->buried = timestamp(arena, from->buried_unix_ms);
    to->redriven_as = rpc_data_of(from->redriven_as);
    to->sequence = from->sequence;
    to->exit = rpc_data_of(from->exit);
    to->stderr_end = rpc_data_of(from->stderr_end);
    to->content_type = rpc_data_of(from->content_type);
    to->data = rpc_data_of(from->data);
    to->size = from->size;
}

static grpc_byte_buffer *encode_letters(const struct rpc_answer *answer, struct rpc_arena *arena)
{
    Function__V1__DeadLettersResponse response = FUNCTION__V1__DEAD_LETTERS_RESPONSE__INIT;
    size_t count = answer->letter_count;
    Function__V1__DeadLetter *letters = rpc_arena_take(arena, count * sizeof *letters);
    response.letters = rpc_arena_take(arena, count * sizeof(Function__V1__DeadLetter *));
    if (!letters || !response.letters)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        letter_fill(arena, &letters[i], &answer->letters[i]);
        response.letters[i] = &letters[i];
    }
    response.n_letters = count;
    response.next = answer->next;
    return rpc_encode_message(&response.base);
}

static grpc_byte_buffer *encode_letter(enum rpc_kind kind, const struct rpc_answer *answer)
{
    Function__V1__RedriveResponse redriven = FUNCTION__V1__REDRIVE_RESPONSE__INIT;
    Function__V1__DropResponse dropped = FUNCTION__V1__DROP_RESPONSE__INIT;
    redriven.request_id = dropped.request_id = rpc_data_of(answer->request_id);
    redriven.duplicate = answer->duplicate;
    return rpc_encode_message(kind == RPC_REDRIVE ? &redriven.base : &dropped.base);
}

grpc_byte_buffer *rpc_encode_admin(enum rpc_kind kind, const struct rpc_answer *answer, struct rpc_arena *arena)
{
    bool one_function = kind == RPC_DEPLOY || kind == RPC_GET || kind == RPC_REMOVE || kind == RPC_ROLLBACK ||
                        kind == RPC_ALIAS || kind == RPC_RELEASE;
    switch (answer->kind) {
    case RPC_ANSWER_FUNCTIONS:
        if (one_function)
            return encode_function(answer, arena);
        return kind == RPC_LIST ? encode_list(answer, arena) : NULL;
    case RPC_ANSWER_VERSIONS:
        return kind == RPC_VERSIONS ? encode_versions(answer, arena) : NULL;
    case RPC_ANSWER_ROLLOUT:
        return kind == RPC_ROLLOUT && answer->rollout ? encode_rollout(answer->rollout, arena) : NULL;
    case RPC_ANSWER_QUEUES:
        return rpc_encode_queues(kind, answer, arena);
    case RPC_ANSWER_LETTERS:
        return kind == RPC_LETTERS ? encode_letters(answer, arena) : NULL;
    case RPC_ANSWER_ACCEPTED:
        return kind == RPC_REDRIVE || kind == RPC_DROP ? encode_letter(kind, answer) : NULL;
    case RPC_ANSWER_INSTANCES:
        return kind == RPC_INSTANCES ? encode_instances(answer, arena) : NULL;
    default:
        return NULL;
    }
}
