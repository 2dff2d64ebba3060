/* Books that are kept at every change, so that at every step nothing may be lost: a request that the stream ever stored
 * waits in the stream, or has a result, or a power loss took something of it. A message is entered where it comes and
 * where it goes, a request where its result is stored or something of it is forgotten. jet_books_right() counts it all
 * anew, and the lists of the consumers too. */
#include "sim/jet_list.h"

static enum book book_of(const struct jet *jet, uint32_t request)
{
    if (jet->forgotten[request]) {
        return BOOK_EXCUSED;
    }
    if (jet->stored[request].count != 0) {
        return BOOK_ENDED;
    }
    return jet->queued[request] != 0 ? BOOK_OPEN : jet->latest[request] != 0 ? BOOK_LOST : BOOK_NONE;
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
