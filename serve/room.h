/* How full the request stream is, on a broker where that matters. room_tell() on the loop thread, the others block.
 * Private to serve/. */
#ifndef STEAD_SERVE_ROOM_H
#define STEAD_SERVE_ROOM_H

#include "serve/instance.h"

struct room_seen {
    uint64_t sequence, messages, messages_max, bytes, bytes_max; /* 0: no bound */
    uint32_t instances;
};

/* Whether this broker drops what it has no room for when it is killed. */
bool room_needed(struct broker *broker);
/* The bound of the stream. */
int64_t room_messages_max(const struct config *config, bool needed);
/* False, and nothing is known, if the broker does not say. Gives a stream of ours its bound again. */
bool room_look(struct broker *broker, const struct config *config, struct room_seen *ret_seen);
/* -> INPUT_STREAM */
void room_tell(struct instance *instance, const struct room_seen *seen);

#endif
