/* The room of the request stream, for the core, on a broker that drops what it has no room for when it is killed
 * (docs/adr/0020): how full the stream is, its bounds, and how many instances let requests in. Such a broker gets a
 * stream with far more room than queue.maxPending, which the doors keep to; any other keeps to it by itself, and is not
 * asked. */
#include "serve/room.h"

#include "serve/jobs.h"

bool room_needed(struct broker *broker)
{
    struct broker_info info = { 0 };
    struct broker_error ignored; /* Who is not known may be one of those. */
    (void)broker_info(broker, &info, &ignored);
    return broker_drops_when_full(info.server_version);
}

int64_t room_messages_max(const struct config *config, bool needed)
{
    return config->queue_pending_max + (needed ? SERVE_QUEUE_ROOM : 0);
}

/* An instance of an earlier version gives the stream a bound without that room when it starts. */
static void room_restore(struct broker *broker, const struct config *config, struct broker_stream *requests)
{
    bool raised = false;
    struct broker_error error = { 0 };
    int64_t wanted = room_messages_max(config, true);
    if (!requests->ours || requests->messages_max <= 0 || requests->messages_max >= wanted) {
        return;
    }
    if (broker_queue_raise(broker, wanted, &raised, &error) == BROKER_OK && raised) {
        requests->messages_max = wanted;
        log_info("nats.storage", "the request stream had too low a bound and has room again",
                 LOG_I64("messages", wanted));
    }
}

bool room_look(struct broker *broker, const struct config *config, struct room_seen *ret_seen)
{
    struct broker_stream requests, instances;
    struct broker_error
        ignored; /* Looked at again in a second; until then the doors let in no more than their share. */
    if (broker_stream_info(broker, BROKER_STREAM_REQUESTS, &requests, &ignored) != BROKER_OK ||
        broker_stream_info(broker, "KV_" BROKER_BUCKET_INSTANCES, &instances, &ignored) != BROKER_OK) {
        return false;
    }
    room_restore(broker, config, &requests);
    *ret_seen = (struct room_seen){
        .sequence = requests.last_sequence,
        .messages = requests.messages,
        .messages_max = requests.messages_max > 0 ? (uint64_t)requests.messages_max : 0,
        .bytes = requests.bytes,
        .bytes_max = requests.bytes_max > 0 ? (uint64_t)requests.bytes_max : 0,
        /* A record each; those of instances that ended since count until they are forgotten. */
        .instances = instances.messages < UINT32_MAX ? (uint32_t)instances.messages : UINT32_MAX,
    };
    return true;
}

void room_tell(struct instance *instance, const struct room_seen *seen)
{
    struct input input = instance_input(instance, INPUT_STREAM);
    input.as.stream.sequence = seen->sequence;
    input.as.stream.messages = seen->messages;
    input.as.stream.messages_max = seen->messages_max;
    input.as.stream.bytes = seen->bytes;
    input.as.stream.bytes_max = seen->bytes_max;
    input.as.stream.pending_max = (uint32_t)instance->config->queue_pending_max;
    input.as.stream.instances = seen->instances;
    input.as.stream.drops = instance->room_needed;
    instance_feed(instance, &input);
}
