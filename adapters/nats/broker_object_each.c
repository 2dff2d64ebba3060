/* Lists the objects of a bucket: each has exactly one description, since a new one rolls up the old. */
#include "adapters/nats/broker_object.h"

#include <stdio.h>

#include "adapters/nats/wire.h"

enum broker_status broker_object_each(struct broker *broker, const char *bucket, broker_object_entry *entry,
                                      void *owner, struct broker_error *ret_error)
{
    char stream[BROKER_SUBJECT_BYTES / 2];
    char all[BROKER_SUBJECT_BYTES];
    if (!wire_name_valid(bytes_of(bucket))) {
        return broker_fail(ret_error, BROKER_INVALID, "'%.100s' can't be a bucket", bucket);
    }
    snprintf(stream, sizeof stream, "OBJ_%s", bucket);
    snprintf(all, sizeof all, "$O.%s.M.>", bucket);
    for (uint64_t next = 1;;) {
        struct broker_message message;
        struct object_meta meta;
        enum broker_status status = broker_message_get(broker, stream, all, next, &message, ret_error);
        if (status != BROKER_OK) {
            return status == BROKER_NOT_FOUND && ret_error->error_code == JS_NO_MESSAGE ? BROKER_OK : status;
        }
        next = message.sequence + 1;
        if (object_meta_parse(message.body, &meta) && !meta.object.deleted) {
            entry(owner, &meta.object);
        }
        broker_message_free(&message);
    }
}
