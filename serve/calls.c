/* The gRPC door: requests become calls, replies become answers. Whatever is refused here could never become a call (a
 * name that is no function name); every other refusal is the core's. */
#include "serve/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUESTS_PER_TURN_MAX = 256 };

static void call_invalid_name(struct instance *instance, const struct rpc_request *request)
{
    struct rpc_answer answer = { .id = request->id, .kind = RPC_ANSWER_STATUS, .status = RPC_STATUS_INVALID_ARGUMENT };
    answer.retry_after_ms = RPC_NEVER_RETRY;
    answer.text = bytes_of("name: a function name matches ^[a-z][a-z0-9_-]{0,62}$ (no dots, wildcards or spaces)");
    answer.reason = bytes_of("INVALID_FUNCTION_NAME");
    answer.violation_field = bytes_of("name");
    rpc_server_answer(instance->rpc, &answer);
}

static bool call_identify(const struct rpc_request *request, char ret_id[CLOUDEVENTS_REQUEST_ID_HEX + 1],
                          uint64_t *ret_digest)
{
    struct event event;
    struct bytes source, id;
    if (!event_unpack(request->packed_event, &event) || !event_find(event.block, "source", &source) ||
        !event_find(event.block, "id", &id)) {
        return false;
    }
    cloudevents_request_id(request->name, source, id, ret_id);
    *ret_digest = cloudevents_digest(event);
    return true;
}

static struct blob call_blob(struct instance *instance, const struct rpc_request *request, const char *id,
                             uint64_t digest)
{
    struct event_buffer control = { 0 }, buffer = { 0 };
    char hex[CLOUDEVENTS_DIGEST_HEX + 1];
    cloudevents_digest_text(digest, hex);
    event_buffer_attribute_text(&control, ":request-id", id);
    event_buffer_attribute_text(&control, ":digest", hex);
    message_begin(&buffer, &control);
    event_buffer_append(&buffer, request->packed_event.at, request->packed_event.length);
    event_buffer_free(&control);
    return message_close(instance, &buffer);
}

static void call_submit(struct instance *instance, const struct rpc_request *request)
{
    char id[CLOUDEVENTS_REQUEST_ID_HEX + 1];
    uint64_t digest;
    if (!cloudevents_function_name_valid(request->name) || !call_identify(request, id, &digest)) {
        call_invalid_name(instance, request);
        return;
    }
    if (!instance->refreshed) { /* Nobody can say yet that there is no such function. */
        admin_status(instance, request->id, RPC_STATUS_UNAVAILABLE, reason_name(REASON_NATS_UNAVAILABLE),
                     "the broker was not connected yet since this instance started; the function certainly did not "
                     "start, try again");
        return;
    }
    struct input input = instance_input(instance, INPUT_CALL);
    input.blob = call_blob(instance, request, id, digest);
    if (input.blob.slot == BLOB_NONE) {
        admin_status(instance, request->id, RPC_STATUS_RESOURCE_EXHAUSTED, "QUEUE_FULL",
                     "this instance has no memory left for payloads; try again later");
        return;
    }
    input.as.call.request = key_of_text(instance, bytes_of(id));
    input.as.call.function = key_of_text(instance, request->name);
    input.as.call.digest = digest;
    input.as.call.reference = request->id;
    int64_t now = (int64_t)loop_now_ns();
    bool bounded = request->deadline_ns != INT64_MAX;
    input.as.call.budget_ns = !bounded ? 0 : request->deadline_ns > now ? (uint64_t)(request->deadline_ns - now) : 1;
    instance->answering_id = id;
    instance_feed(instance, &input);
    instance->answering_id = NULL;
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
            call_submit(instance, request);
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

/* The first publish of a call is when its row becomes known: its texts are taken from its message. */
void calls_bind(struct instance *instance, const struct effect *effect)
{
    struct call_side *side = &instance->calls[handle_index(effect->about)];
    struct message message;
    if (handle_equal(side->handle, effect->about) || !message_open(instance, effect->blob, &message)) {
        return;
    }
    side->handle = effect->about;
    side->rpc_id = effect->reference;
    side->submitted_ns = loop_now_ns();
    message_text(&message, ":request-id", side->request_id, sizeof side->request_id);
    HASH_ADD(hh, instance->calls_by_rpc, rpc_id, sizeof side->rpc_id, side);
}

void calls_forget(struct instance *instance, struct handle handle)
{
    struct call_side *side = &instance->calls[handle_index(handle)];
    if (handle_equal(side->handle, handle)) {
        HASH_DELETE(hh, instance->calls_by_rpc, side);
        side->handle = (struct handle){ 0 };
    }
}

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

void calls_perform_reply(struct instance *instance, const struct effect *effect)
{
    struct rpc_answer answer = { .id = effect->reference,
                                 .attempts = effect->count,
                                 .retry_after_ms = RPC_NO_RETRY_HINT };
    struct message result;
    struct event_buffer packed = { 0 };
    bool has_result = message_open(instance, effect->blob, &result);
    const struct call_side *side = &instance->calls[handle_index(effect->about)];
    bool known = effect->about.bits != 0 && handle_equal(side->handle, effect->about);
    const char *id = known ? side->request_id : instance->answering_id;
    if (known) {
        metrics_observe(instance->status.grpc_calls, loop_now_ns() - side->submitted_ns);
    }
    answer.request_id = bytes_of(id == NULL ? "" : id);
    if (effect->end == END_SUCCEEDED && has_result) {
        reply_result(&answer, &result, &packed);
    } else if (effect->code == REASON_FUNCTION_ERROR) {
        reply_function_error(&answer, has_result ? &result : NULL);
    } else {
        reply_status(&answer, (enum reason)effect->code, has_result ? &result : NULL);
    }
    struct rpc_pair pair = { bytes_of("request-id"), answer.request_id };
    answer.pairs = answer.request_id.length > 0 ? &pair : NULL;
    answer.pair_count = answer.request_id.length > 0 ? 1 : 0;
    rpc_server_answer(instance->rpc, &answer);
    event_buffer_free(&packed);
}
