/* The room of the request stream. A nats-server before 2.10.6 that is killed comes back with messages that were settled
 * shortly before, and drops the oldest ones for them if all together are more than the stream may hold, whoever waits
 * for those (docs/adr/0020). So on such a broker our doors keep room for what may come back, and for what the doors of
 * other instances let in meanwhile: none of them knows of the others' before the next look, about a second later.
 *
 * What was removed is the last sequence minus what is there. What was removed within the last looks may come back. Of
 * the room that is left then, each of n doors takes no more than the 2n-th part within two looks, what is not
 * confirmed yet included: if all do so at once, half of it is left to the next look. */
#include "core/banned.h"
#include "core/machine.h"

enum { BYTES_UNKNOWN_PARTS = 2, PARTS = 4 };
#define LOOK_NS_MIN UINT64_C(900000000)

/* Of a broker that came back with what was removed, fewer were removed than before; the past did not happen then. */
static void room_remember(struct core *core, uint64_t removed)
{
    struct room *room = &core->room;
    for (uint32_t at = 0; at < ROOM_LOOKS; at++) {
        room->removed[at] = room->looks == 0 || room->removed[at] > removed ? removed : room->removed[at];
    }
    if (room->looks == 0 || core->now_ns - room->looked_ns >= LOOK_NS_MIN) {
        room->removed[room->looks++ % ROOM_LOOKS] = removed;
        room->looked_ns = core->now_ns;
        room->looks = room->looks < 2 * ROOM_LOOKS ? room->looks : ROOM_LOOKS;
    }
}

static uint64_t removed_lately(const struct room *room, uint64_t removed)
{
    uint64_t least = removed;
    for (uint32_t at = 0; at < ROOM_LOOKS; at++) {
        least = room->removed[at] < least ? room->removed[at] : least;
    }
    return removed - least;
}

void room_seen(struct core *core, const struct input *input)
{
    struct room *room = &core->room;
    if (input->epoch != core->epoch) {
        return; /* It was looked at before this connection, and is older than what was told since. */
    }
    uint64_t messages = input->as.stream.messages, last = input->as.stream.sequence;
    uint64_t removed = last > messages ? last - messages : 0;
    room->drops = input->as.stream.drops != 0;
    if (!room->drops) {
        return;
    }
    room->there = messages;
    room->pending_max = input->as.stream.pending_max;
    room->messages_max = input->as.stream.messages_max;
    room->bytes_max = input->as.stream.bytes_max;
    room->size_mean = messages > 0 ? input->as.stream.bytes / messages : room->size_mean;
    room->instances = input->as.stream.instances > 0 ? input->as.stream.instances : 1;
    room_remember(core, removed);
    uint64_t lately = removed_lately(room, removed);
    room->possible = messages < UINT64_MAX - lately ? messages + lately : UINT64_MAX;
    room->confirmed_before = room->confirmed;
    room->confirmed = 0;
}

void room_let_in(struct core *core)
{
    core->room.unconfirmed++;
    core->room.there++;
}

void room_confirmed(struct core *core)
{
    ASSERT(core->room.unconfirmed > 0);
    core->room.unconfirmed--;
    core->room.confirmed++;
}

void room_let_go(struct core *core)
{
    core->room.there -= core->room.there > 0;
}

/* How many messages the doors may count on; UINT64_MAX: no bound. Of what there is room for in bytes the size is only
 * known on average, and at first nobody here knows what was removed lately. */
static uint64_t room_bound(const struct room *room, uint32_t size)
{
    uint64_t bound = room->messages_max == 0 ? UINT64_MAX : room->messages_max - room->messages_max / PARTS;
    uint64_t large = size > room->size_mean ? size : room->size_mean;
    uint64_t by_bytes = room->bytes_max == 0 || large == 0 ? UINT64_MAX : room->bytes_max / BYTES_UNKNOWN_PARTS / large;
    bound = by_bytes < bound ? by_bytes : bound;
    return room->looks < ROOM_LOOKS && bound != UINT64_MAX ? bound / 2 : bound;
}

bool room_full(const struct core *core, uint32_t size)
{
    const struct room *room = &core->room;
    if (!room->drops || MUTANT(ROOM_IGNORED)) { /* S1 */
        return false;
    }
    if (room->pending_max != 0 && room->there >= room->pending_max) {
        return true;
    }
    uint64_t bound = room_bound(room, size), unseen = room->unconfirmed + room->confirmed + room->confirmed_before;
    ASSERT(room->instances > 0);
    uint64_t share = bound > room->possible ? (bound - room->possible) / 2 / room->instances : 0;
    return unseen >= share;
}
