/* Plays one script against a real broker and writes down what is seen. It never waits: whoever runs many scripts at
 * once polls their sockets and calls player_turn(). What is done to servers themselves is the runner's to do: the
 * player stops at such a line until it is told that it is over.
 *
 * All names of a script get a prefix, so that many scripts share a broker without meeting. The script and site are
 * borrowed. One thread at a time. */
#ifndef STEAD_CONFORM_PLAYER_H
#define STEAD_CONFORM_PLAYER_H

#include <poll.h>

#include "conform/script.h"
#include "conform/site.h"
#include "conform/trace.h"
#include "conform/wire.h"

enum { PLAYER_CONNECTIONS_MAX = 8, PLAYER_PREFIX_MAX = 16 };

enum player_state {
    PLAYER_PLAYING,
    PLAYER_WORLD, /* its line is for the runner: restart, pause, kill-leader */
    PLAYER_DONE,
    PLAYER_BROKEN, /* the broker could not be reached; `why` */
};

struct player_connection {
    char name[TRACE_NAME_MAX];
    struct wire wire;
};

struct player_token {
    uint32_t name;
    char reply[WIRE_SUBJECT_MAX];
};

struct player {
    const struct script *script;
    struct site *site;
    enum player_state state;
    char prefix[PLAYER_PREFIX_MAX], why[120];
    struct trace trace;
    uint32_t line, item; /* the line that is on, and its item in the trace */
    uint64_t begun_ns, line_ends_ns, answer_until_ns;
    uint64_t heard_ns;   /* when it read its connections last */
    uint64_t planned_ns; /* when the line should have been sent */
    bool asked, answered;
    uint32_t connection_count;
    struct player_connection connections[PLAYER_CONNECTIONS_MAX];
    struct player_token *tokens;
    uint32_t token_count;
    uint32_t leader; /* the node that kill-leader is about */
    uint32_t pull_names[SCRIPT_LINES_MAX];
};

bool player_begin(struct player *player, const struct script *script, struct site *site, uint32_t number);
void player_end(struct player *player); /* the trace goes too, unless it was taken out */
/* Reads, and goes on as far as time allows. */
void player_turn(struct player *player, uint64_t now_ns);
/* When it wants its turn at the latest. */
uint64_t player_next_ns(const struct player *player);
/* Adds its sockets; returns how many. */
uint32_t player_polls(const struct player *player, struct pollfd *ret_polls);
/* Around what the runner does to the site at a PLAYER_WORLD line. */
void player_world_begins(struct player *player, uint64_t now_ns);
void player_world_ended(struct player *player, uint64_t now_ns, bool connections_lost);

#endif
