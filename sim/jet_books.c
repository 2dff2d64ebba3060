/* Books that are kept at every change, so that at every step nothing may be lost: a request that the stream ever
 * stored waits in the stream, or has a result, or a power loss took something of it, or somebody else took it out. A
 * message is entered where it comes and where it goes, a request where its result is stored or something of it is
 * forgotten. jet_books_right() counts it all anew, and the lists of the consumers too. */
#include "sim/jet_list.h"

static enum book book_of(const struct jet *jet, uint32_t request)
{
    if (jet->forgotten[request]) {
        return BOOK_EXCUSED;
    }
    if (jet->stored[request].count != 0) {
        return BOOK_ENDED;
    }
    if (jet->queued[request] != 0) {
        return BOOK_OPEN;
    }
    return jet->taken[request] != 0 ? BOOK_TAKEN : jet->latest[request] != 0 ? BOOK_LOST : BOOK_NONE;
}

bool jet_owes(const struct jet *jet, uint32_t request)
{
    const struct stored *stored = &jet->stored[request];
    return stored->count == 0 || (stored->end == END_DEAD_LETTERED && !stored->dead);
}

void jet_take(struct jet *jet, const struct message *message, enum jet_taker taker)
{
    uint32_t request = message->content.request;
    if (jet->queued[request] != 1 || !jet_owes(jet, request)) {
        return; /* Another message of it is there, or nobody needs one. */
    }
    jet->taken[request] |= (uint8_t)(1u << taker);
    if (jet->hooks.taken != NULL) {
        jet->hooks.taken(jet->hooks.owner, message, taker);
    }
}

void jet_book(struct jet *jet, uint32_t request, int messages)
{
    jet->queued[request] = (uint16_t)(jet->queued[request] + messages);
    enum book before = (enum book)jet->book[request], now = book_of(jet, request);
    jet->books[before]--;
    jet->books[now]++;
    jet->book[request] = (uint8_t)now;
    jet->lost = now == BOOK_LOST ? request : jet->lost;
}

static bool consumers_right(const struct jet *jet)
{
    uint32_t fresh = 0, due = 0, listed = 0;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        fresh += jet->messages[sequence - 1].state == MESSAGE_NEW;
        due += jet->messages[sequence - 1].state == MESSAGE_DUE;
    }
    for (uint32_t function = 0; function < jet->settings.functions; function++) {
        const struct jet_list *lists[] = { &jet->consumers[function].fresh, &jet->consumers[function].due };
        for (uint32_t which = 0; which < 2; which++) {
            for (uint32_t at = lists[which]->head; at != 0; at = jet->messages[at - 1].next) {
                listed++;
            }
        }
    }
    return listed == fresh + due;
}

bool jet_books_right(const struct jet *jet)
{
    uint32_t books[BOOK_COUNT] = { 0 }, live = 0, queued = 0;
    for (uint64_t sequence = 1; sequence <= jet->last_sequence; sequence++) {
        live += jet->messages[sequence - 1].state != MESSAGE_GONE;
    }
    for (uint32_t request = 0; request < jet->settings.requests_max; request++) {
        queued += jet->queued[request];
        books[book_of(jet, request)]++;
        if (jet->book[request] != book_of(jet, request)) {
            return false;
        }
    }
    for (uint32_t book = 0; book < BOOK_COUNT; book++) {
        if (books[book] != jet->books[book]) {
            return false;
        }
    }
    return live == queued && live == jet->messages_live && consumers_right(jet);
}
