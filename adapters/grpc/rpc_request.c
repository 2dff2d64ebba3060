/* Messages are built over borrowed bytes and packed through protobuf-c's buffer interface into an event_buffer. */
#include "adapters/grpc/rpc_request.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "adapters/cloudevents/cloudevents_protobuf.h"
#include "adapters/grpc/rpc_client.h"
#include "proto/function_admin.pb-c.h"
#include "proto/function_service.pb-c.h"

enum { ID_BYTES = 16 };

struct sink {
    ProtobufCBuffer base;
    struct event_buffer *to;
};

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){ .len = bytes.length, .data = (uint8_t *)bytes.at };
}

static void sink_append(ProtobufCBuffer *buffer, size_t length, const uint8_t *at)
{
    event_buffer_append(((struct sink *)buffer)->to, at, length);
}

static bool pack(const ProtobufCMessage *message, struct event_buffer *to)
{
    struct sink sink = { .base = { .append = sink_append }, .to = to };
    protobuf_c_message_pack_to_buffer(message, &sink.base);
    return !to->failed;
}

bool rpc_request_name(struct bytes name, struct event_buffer *ret_message)
{
    Function__V1__GetRequest request = FUNCTION__V1__GET_REQUEST__INIT;
    request.name = data_of(name);
    return pack(&request.base, ret_message);
}

bool rpc_request_remove(struct bytes name, bool now, struct event_buffer *ret_message)
{
    Function__V1__RemoveRequest request = FUNCTION__V1__REMOVE_REQUEST__INIT;
    request.name = data_of(name);
    request.now = now;
    return pack(&request.base, ret_message);
}

bool rpc_request_result(struct bytes request_id, bool wait, struct event_buffer *ret_message)
{
    Function__V1__GetResultRequest request = FUNCTION__V1__GET_RESULT_REQUEST__INIT;
    request.request_id = data_of(request_id);
    request.wait = wait;
    return pack(&request.base, ret_message);
}

bool rpc_request_pause(struct bytes name, bool paused, struct event_buffer *ret_message)
{
    Function__V1__PauseQueueRequest request = FUNCTION__V1__PAUSE_QUEUE_REQUEST__INIT;
    request.name = data_of(name);
    request.paused = paused;
    return pack(&request.base, ret_message);
}

bool rpc_request_rollback(struct bytes name, struct bytes version, struct event_buffer *ret_message)
{
    Function__V1__RollbackRequest request = FUNCTION__V1__ROLLBACK_REQUEST__INIT;
    request.name = data_of(name);
    request.version = data_of(version);
    return pack(&request.base, ret_message);
}

bool rpc_request_letters(const struct rpc_letters_query *query, struct event_buffer *ret_message)
{
    Function__V1__DeadLettersRequest request = FUNCTION__V1__DEAD_LETTERS_REQUEST__INIT;
    request.name = data_of(query->name);
    request.request_id = data_of(query->request_id);
    request.cause = data_of(query->cause);
    request.after = query->after;
    request.limit = query->limit;
    request.whole = query->whole;
    return pack(&request.base, ret_message);
}

bool rpc_request_letter(struct bytes name, struct bytes request_id, struct event_buffer *ret_message)
{
    Function__V1__RedriveRequest request = FUNCTION__V1__REDRIVE_REQUEST__INIT;
    request.name = data_of(name);
    request.request_id = data_of(request_id);
    return pack(&request.base, ret_message);
}

bool rpc_request_alias(struct bytes name, const struct rpc_alias *alias, struct event_buffer *ret_message)
{
    Function__V1__SetAliasRequest request = FUNCTION__V1__SET_ALIAS_REQUEST__INIT;
    Function__V1__Route routes[RPC_ROUTES_MAX];
    Function__V1__Route *places[RPC_ROUTES_MAX];
    assert(alias->route_count <= RPC_ROUTES_MAX);
    for (size_t i = 0; i < alias->route_count; i++) {
        function__v1__route__init(&routes[i]);
        routes[i].version = data_of(alias->routes[i].version);
        routes[i].weight = alias->routes[i].weight;
        places[i] = &routes[i];
    }
    request.name = data_of(name);
    request.alias = data_of(alias->name);
    request.routes = places;
    request.n_routes = alias->route_count;
    return pack(&request.base, ret_message);
}

bool rpc_request_deploy(const struct rpc_deploy *deploy, struct event_buffer *ret_message)
{
    Function__V1__DeployRequest request = FUNCTION__V1__DEPLOY_REQUEST__INIT;
    Function__V1__File *files = calloc(deploy->file_count + 1, sizeof *files);
    Function__V1__File **places = calloc(deploy->file_count + 1, sizeof *places);
    bool fine = files && places;
    for (size_t i = 0; fine && i < deploy->file_count; i++) {
        function__v1__file__init(&files[i]);
        files[i].path = data_of(deploy->files[i].path);
        files[i].content = data_of(deploy->files[i].content);
        files[i].executable = deploy->files[i].executable;
        places[i] = &files[i];
    }
    request.language = data_of(deploy->language);
    request.name = data_of(deploy->name);
    request.manifest = data_of(deploy->manifest);
    request.canary_percent = deploy->canary_percent;
    request.alias = data_of(deploy->alias);
    request.no_wait = deploy->no_wait;
    request.n_files = deploy->file_count;
    request.files = places;
    fine = fine && pack(&request.base, ret_message);
    free(files);
    free(places);
    return fine;
}

/* A new event around bare data. */
static bool event_new(const struct rpc_query *query, struct event_buffer *packed)
{
    uint8_t random[ID_BYTES];
    char id[2 * ID_BYTES + 1];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(id + 2 * i, 3, "%02x", random[i]);
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&block, "specversion", "1.0");
    event_buffer_attribute_text(&block, "id", id);
    event_buffer_attribute_text(&block, "source", "stead:client");
    event_buffer_attribute_text(&block, "type", "stead.request.v1");
    if (query->content_type.length > 0)
        event_buffer_attribute(&block, bytes_of("datacontenttype"), query->content_type);
    struct event event = { .block = { block.at, block.length }, .data = query->data };
    if (!block.failed)
        event_pack(packed, event);
    bool fine = !block.failed && !packed->failed;
    event_buffer_free(&block);
    return fine;
}

static bool encode(const struct rpc_query *query, struct bytes packed, struct event_buffer *ret_message)
{
    struct event event;
    if (!event_unpack(packed, &event))
        return false;
    Function__V1__ExecuteFunctionRequest request = FUNCTION__V1__EXECUTE_FUNCTION_REQUEST__INIT;
    request.name = data_of(query->name);
    request.event = cloudevents_to_protobuf(event, NULL);
    bool fine = request.event && pack(&request.base, ret_message);
    free(request.event);
    return fine;
}

bool rpc_client_encode(const struct rpc_query *query, struct event_buffer *ret_message)
{
    if (query->packed_event.length > 0)
        return encode(query, query->packed_event, ret_message);
    struct event_buffer packed = { 0 };
    bool fine = event_new(query, &packed) && encode(query, (struct bytes){ packed.at, packed.length }, ret_message);
    event_buffer_free(&packed);
    return fine;
}
