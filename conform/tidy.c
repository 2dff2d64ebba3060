/* One connection, opened when there is something to delete, and again if it was lost. */
#include "conform/tidy.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "adapters/loop/loop.h"

enum { OPEN_MS = 1000, ANSWERS = 1, END_MS = 5000 };

void tidy_begin(struct tidy *tidy, struct site *site)
{
    *tidy = (struct tidy){ .site = site, .wire = { .fd = -1 } };
}

void tidy_let_go(struct tidy *tidy)
{
    wire_close(&tidy->wire, false);
    tidy->asked = tidy->answered = 0;
}

static bool tidy_open(struct tidy *tidy)
{
    for (uint32_t node = 0; tidy->wire.fd < 0 && node < site_nodes(tidy->site); node++) {
        if (wire_open(&tidy->wire, site_port(tidy->site, node), OPEN_MS)) {
            (void)wire_subscribe(&tidy->wire, "_INBOX.tidy", ANSWERS);
        }
    }
    return tidy->wire.fd >= 0;
}

static bool is_repeated(const struct script *script, uint32_t index)
{
    for (uint32_t at = 0; at < index; at++) {
        const struct script_line *line = &script->lines[at];
        if (line->operation == script->lines[index].operation &&
            strcmp(line->words[0], script->lines[index].words[0]) == 0) {
            return true;
        }
    }
    return false;
}

void tidy_script(struct tidy *tidy, const struct script *script, const char *prefix)
{
    for (uint32_t at = 0; at < script->count; at++) {
        char subject[WIRE_SUBJECT_MAX];
        const struct script_line *line = &script->lines[at];
        bool makes = line->operation == OPERATION_STREAM || line->operation == OPERATION_KV;
        if (!makes || is_repeated(script, at) || !tidy_open(tidy)) {
            continue;
        }
        (void)snprintf(subject, sizeof(subject), "$JS.API.STREAM.DELETE.%s%s_%s",
                       line->operation == OPERATION_KV ? "KV_" : "", prefix, line->words[0]);
        if (wire_publish(&tidy->wire, subject, "_INBOX.tidy", NULL, "", 0)) {
            tidy->asked++;
        } else {
            tidy_let_go(tidy);
        }
    }
}

void tidy_turn(struct tidy *tidy)
{
    struct wire_message message;
    if (tidy->wire.fd < 0) {
        return;
    }
    bool good = wire_turn(&tidy->wire);
    while (wire_next(&tidy->wire, &message)) {
        tidy->answered += message.subscription == ANSWERS;
    }
    if (!good) {
        tidy_let_go(tidy);
    }
}

void tidy_end(struct tidy *tidy)
{
    uint64_t until = loop_now_ns() + END_MS * MILLISECOND;
    tidy_turn(tidy);
    while (tidy->answered < tidy->asked && loop_now_ns() < until) {
        struct pollfd wait = { .fd = tidy->wire.fd, .events = POLLIN };
        (void)poll(&wait, 1, 50);
        tidy_turn(tidy);
    }
    tidy_let_go(tidy);
}
