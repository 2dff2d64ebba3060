/* The gRPC door: requests become calls, replies become answers. Whatever is refused here could never become a call (a
 * name that is no function name); every other refusal is the core's. A call's row is named by the first effect about
 * it, which is performed while the call is still being told: its texts are kept from then on. */
#include "serve/bus_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS_PER_TURN_MAX = 256 };

static void call_invalid(struct instance *instance, const struct rpc_request *request, const char *reason,
                         const char *text)
{
    struct rpc_answer answer = { .id = request->id, .kind = RPC_ANSWER_STATUS, .status = RPC_STATUS_INVALID_ARGUMENT };
    answer.retry_after_ms = RPC_NEVER_RETRY;
    answer.text = bytes_of(text);
    answer.reason = bytes_of(reason);
    answer.violation_field = bytes_of("name");
    rpc_server_answer(instance->rpc, &answer);
}

/* -- who calls what ------------------------------------------------------------------------------------------------ */

/* A request that brings an event: "hello" or "hello@beta". */
struct caller {
    struct bytes function, alias; /* alias: empty for `live` */
    char request_id[CLOUDEVENTS_REQUEST_ID_HEX + 1];
    uint64_t digest;
};

static bool caller_name(struct instance *instance, const struct rpc_request *request, struct caller *ret_caller)
{
    const uint8_t *at = request->name.length == 0 ? NULL : memchr(request->name.at, '@', request->name.length);
    struct caller caller = { .function = request->name };
    if (at != NULL) {
        caller.function.length = (size_t)(at - request->name.at);
        caller.alias = (struct bytes){ at + 1, request->name.length - caller.function.length - 1 };
        if (!cloudevents_function_name_valid(caller.alias)) {
            call_invalid(instance, request, "INVALID_ALIAS",
                         "name: what follows @ is an alias, which matches ^[a-z][a-z0-9_-]{0,62}$");
            return false;
        }
    }
    if (!cloudevents_function_name_valid(caller.function)) {
        call_invalid(instance, request, "INVALID_FUNCTION_NAME",
                     "name: a function name matches ^[a-z][a-z0-9_-]{0,62}$ (no dots, wildcards or spaces)");
        return false;
    }
    *ret_caller = caller;
    if (bytes_equal_text(caller.alias, "live")) {
        ret_caller->alias = (struct bytes){ 0 };
    }
    return true;
}

/* The same event for another alias is another request. */
static bool caller_identify(const struct rpc_request *request, struct caller *caller)
{
    struct event event;
    struct bytes source, id;
    if (!event_unpack(request->packed_event, &event) || !event_find(event.block, "source", &source) ||
        !event_find(event.block, "id", &id)) {
        return false;
    }
    cloudevents_request_id(caller->alias.length == 0 ? caller->function : request->name, source, id,
                           caller->request_id);
    caller->digest = cloudevents_digest(event);
    return true;
}

static struct blob caller_blob(struct instance *instance, const struct rpc_request *request,
                               const struct caller *caller)
{
    struct event_buffer control = { 0 }, buffer = { 0 };
    char hex[CLOUDEVENTS_DIGEST_HEX + 1];
    cloudevents_digest_text(caller->digest, hex);
    event_buffer_attribute_text(&control, ":request-id", caller->request_id);
    event_buffer_attribute_text(&control, ":digest", hex);
    if (caller->alias.length > 0) {
        event_buffer_attribute(&control, bytes_of(":alias"), caller->alias);
    }
    message_begin(&buffer, &control);
    event_buffer_append(&buffer, request->packed_event.at, request->packed_event.length);
    event_buffer_free(&control);
    return message_close(instance, &buffer);
}

/* -- to the core --------------------------------------------------------------------------------------------------- */

static void call_feed(struct instance *instance, const struct rpc_request *request, struct input *input,
                      const char *request_id, const struct function_side *function)
{
    const struct answering answering = { request->id, (enum call_kind)input->as.call.kind, request_id, function };
    int64_t now = (int64_t)loop_now_ns();
    bool bounded = request->deadline_ns != INT64_MAX;
    input->as.call.budget_ns = !bounded ? 0 : request->deadline_ns > now ? (uint64_t)(request->deadline_ns - now) : 1;
    input->as.call.request = key_of_text(instance, bytes_of(request_id));
    input->as.call.reference = request->id;
    instance->answering = &answering;
    instance_feed(instance, input);
    instance->answering = NULL;
}

static const struct function_side *caller_function(const struct instance *instance, const struct caller *caller)
{
    char name[SERVE_NAME_BYTES];
    bytes_copy_text(name, sizeof name, caller->function);
    return function_named(instance, name);
}

static void call_submit(struct instance *instance, const struct rpc_request *request, enum call_kind kind)
{
    struct caller caller;
    if (!caller_name(instance, request, &caller)) {
        return;
    }
    if (!caller_identify(request, &caller)) {
        call_invalid(instance, request, "INVALID_EVENT", "event: it has no id or no source");
        status_count_event(instance, TRANSPORT_GRPC, CLOUDEVENTS_BINARY, "INVALID_EVENT");
        return;
    }
    status_count_event(instance, TRANSPORT_GRPC, CLOUDEVENTS_BINARY, NULL);
    if (!instance->refreshed) { /* Nobody can say yet that there is no such function. */
        admin_status(instance, request->id, RPC_STATUS_UNAVAILABLE, reason_name(REASON_NATS_UNAVAILABLE),
                     "the broker was not connected yet since this instance started; the function certainly did not "
                     "start, try again");
        return;
    }
    struct input input = instance_input(instance, INPUT_CALL);
    input.blob = caller_blob(instance, request, &caller);
    if (input.blob.slot == BLOB_NONE) {
        admin_status(instance, request->id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                     "this instance has no memory left for payloads; try again later");
        status_count_rejected(instance, caller_function(instance, &caller), "QUEUE_FULL");
        return;
    }
    input.as.call.kind = (uint8_t)kind;
    input.as.call.function = key_of_text(instance, caller.function);
    input.as.call.digest = caller.digest;
    input.as.call.size = input.blob.length;
    input.as.call.alias = functions_alias(instance, caller.function, caller.alias);
    call_feed(instance, request, &input, caller.request_id, caller_function(instance, &caller));
}

/* About a request that anybody made; the id was checked at the door. */
static void call_about(struct instance *instance, const struct rpc_request *request, enum call_kind kind)
{
    char request_id[SERVE_ID_BYTES];
    struct input input = instance_input(instance, INPUT_CALL);
    bytes_copy_text(request_id, sizeof request_id, request->request_id);
    input.as.call.kind = (uint8_t)kind;
    call_feed(instance, request, &input, request_id, NULL);
}

static void call_gone(struct instance *instance, uint64_t rpc_id)
{
    struct call_side *side;
    HASH_FIND(hh, instance->calls_by_rpc, &rpc_id, sizeof rpc_id, side);
    if (side != NULL) {
        struct input input = instance_input(instance, INPUT_CALL_CANCELLED);
        input.about = side->handle;
        instance_feed(instance, &input);
    }
}

void calls_receive(void *owner)
{
    struct instance *instance = owner;
    struct rpc_request *request;
    uint32_t count = 0;
    while (count++ < REQUESTS_PER_TURN_MAX && rpc_server_receive(instance->rpc, &request)) {
        switch (request->kind) {
        case RPC_EXECUTE:
            call_submit(instance, request, CALL_KIND_EXECUTE);
            break;
        case RPC_SUBMIT:
            call_submit(instance, request, CALL_KIND_SUBMIT);
            break;
        case RPC_RESULT:
            call_about(instance, request, request->wait ? CALL_KIND_AWAIT : CALL_KIND_LOOK);
            break;
        case RPC_CANCEL:
            call_about(instance, request, CALL_KIND_CANCEL);
            break;
        case RPC_CANCELLED:
            call_gone(instance, request->id);
            wait_gone(instance, request->id);
            break;
        default:
            admin_request(instance, request);
        }
        rpc_request_free(request);
    }
    if (count > REQUESTS_PER_TURN_MAX) {
        loop_wake_signal(instance->rpc_wake);
    }
}

struct call_side *calls_side(struct instance *instance, struct handle handle)
{
    struct call_side *side = &instance->calls[handle_index(handle)];
    return handle.bits != 0 && handle_equal(side->handle, handle) ? side : NULL;
}

void calls_bind(struct instance *instance, const struct effect *effect)
{
    const struct answering *answering = instance->answering;
    if (calls_side(instance, effect->about) != NULL) {
        return;
    }
    ASSERT(answering != NULL && answering->rpc_id == effect->reference);
    struct call_side *side = &instance->calls[handle_index(effect->about)];
    side->handle = effect->about;
    side->rpc_id = answering->rpc_id;
    side->kind = answering->kind;
    side->submitted_ns = loop_now_ns();
    side->find = NULL;
    bytes_copy_text(side->request_id, sizeof side->request_id, bytes_of(answering->request_id));
    HASH_ADD(hh, instance->calls_by_rpc, rpc_id, sizeof side->rpc_id, side);
}

void calls_forget(struct instance *instance, struct handle handle)
{
    struct call_side *side = calls_side(instance, handle);
    if (side != NULL) {
        HASH_DELETE(hh, instance->calls_by_rpc, side);
        side->handle = (struct handle){ 0 };
        side->find = NULL;
    }
}

/* -- answers ------------------------------------------------------------------------------------------------------- */

static void reply_result(struct rpc_answer *answer, const struct message *result, struct event_buffer *packed)
{
    answer->kind = RPC_ANSWER_RESULT;
    event_pack(packed, result->event);
    answer->packed_event = (struct bytes){ packed->at, packed->length };
}

static void reply_function_error(struct rpc_answer *answer, const struct message *result)
{
    struct bytes class = { 0 }, type = { 0 };
    answer->kind = RPC_ANSWER_FUNCTION_ERROR;
    answer->text = bytes_of(reason_meaning(REASON_FUNCTION_ERROR));
    if (result != NULL && result->event.data.length > 0) {
        answer->text = result->event.data;
        event_find(result->control, ":class", &class);
        event_find(result->control, ":type", &type);
    }
    answer->error_class = class;
    answer->type = type;
}

static void reply_status(struct rpc_answer *answer, enum reason reason, const struct message *result)
{
    struct reason_answer row = reason_answer(reason);
    answer->kind = RPC_ANSWER_STATUS;
    answer->status = row.status == RPC_STATUS_OK ? RPC_STATUS_INTERNAL : row.status;
    answer->retry_after_ms = row.retry_after_ms;
    answer->reason = bytes_of(reason_name(reason));
    answer->text = bytes_of(reason_meaning(reason));
    if (result != NULL && result->event.data.length > 0 && result->event.data.length < 2048) {
        answer->text = result->event.data;
    }
}

/* What is stored, whatever it is: a failure of the function or of the platform is no failure of this call. */
static void reply_stored(struct rpc_answer *answer, const struct effect *effect, const struct message *result,
                         struct event_buffer *packed)
{
    answer->kind = RPC_ANSWER_STORED;
    answer->outcome = bytes_of(end_name((enum end)effect->end));
    event_find(result->control, ":result-function", &answer->function);
    event_find(result->control, ":version", &answer->version);
    event_find(result->control, ":causes", &answer->causes);
    event_find(result->control, ":cause", &answer->cause);
    if (effect->end == END_SUCCEEDED) {
        event_pack(packed, result->event);
        answer->packed_event = (struct bytes){ packed->at, packed->length };
        return;
    }
    answer->reason = bytes_of(reason_name((enum reason)effect->code));
    answer->text =
        result->event.data.length > 0 ? result->event.data : bytes_of(reason_meaning((enum reason)effect->code));
    event_find(result->control, ":class", &answer->error_class);
    event_find(result->control, ":type", &answer->type);
}

static void reply_accepted(struct rpc_answer *answer, const struct effect *effect)
{
    answer->kind = RPC_ANSWER_ACCEPTED;
    answer->duplicate = effect->starts != 0;
}

static void reply_fill(struct rpc_answer *answer, const struct effect *effect, enum call_kind kind,
                       const struct message *result, struct event_buffer *packed)
{
    bool looks = kind == CALL_KIND_AWAIT || kind == CALL_KIND_LOOK;
    bool done = (kind == CALL_KIND_SUBMIT || kind == CALL_KIND_CANCEL) && effect->code == REASON_NONE;
    if (done) {
        reply_accepted(answer, effect);
    } else if (looks && effect->end != END_NONE && result != NULL) {
        reply_stored(answer, effect, result, packed);
    } else if (effect->end == END_SUCCEEDED && result != NULL) {
        reply_result(answer, result, packed);
    } else if (effect->code == REASON_FUNCTION_ERROR) {
        reply_function_error(answer, result);
    } else {
        reply_status(answer, (enum reason)effect->code, result);
    }
}

void calls_perform_reply(struct instance *instance, const struct effect *effect)
{
    struct rpc_answer answer = { .id = effect->reference,
                                 .attempts = effect->count,
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    struct message result;
    struct event_buffer packed = { 0 };
    bool has_result = message_open(instance, effect->blob, &result);
    const struct call_side *side = calls_side(instance, effect->about);
    const struct answering *refused = instance->answering; /* One without a row is the one that is being told. */
    enum call_kind kind = side != NULL ? side->kind : refused != NULL ? refused->kind : CALL_KIND_EXECUTE;
    const char *id = side != NULL ? side->request_id : refused != NULL ? refused->request_id : "";
    if (side != NULL && kind == CALL_KIND_EXECUTE) {
        metrics_observe(instance->status.grpc_calls, loop_now_ns() - side->submitted_ns);
    }
    if (side == NULL && refused != NULL && (kind == CALL_KIND_EXECUTE || kind == CALL_KIND_SUBMIT)) {
        status_count_rejected(instance, refused->function, reason_name((enum reason)effect->code));
    }
    if (side != NULL && kind == CALL_KIND_CANCEL && effect->end == END_CANCELLED) {
        status_count_cancelled(instance, side->function);
    }
    answer.request_id = bytes_of(id);
    reply_fill(&answer, effect, kind, has_result ? &result : NULL, &packed);
    struct rpc_pair pair = { bytes_of("request-id"), answer.request_id };
    answer.pairs = answer.request_id.length > 0 ? &pair : NULL;
    answer.pair_count = answer.request_id.length > 0 ? 1 : 0;
    rpc_server_answer(instance->rpc, &answer);
    event_buffer_free(&packed);
}
