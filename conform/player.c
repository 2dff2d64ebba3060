/* A line is sent when its moment has come, or as soon as the line before has its answer; it lasts until its answer is
 * there, and at least as long as line_lasts_ns() says. Whatever arrives meanwhile is an event of that line. */
#include "conform/player.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conform/ask.h"
#include "conform/player_private.h"

enum {
    OPEN_MS = 5000,
    ANSWER_SETUP_MS = 8000, /* a cluster makes streams slowly */
    ANSWER_MS = 2000,
    ANSWER_SYNC_MS = 400,
};

void player_break(struct player *player, const char *why)
{
    player->state = PLAYER_BROKEN;
    (void)snprintf(player->why, sizeof(player->why), "%s", why);
}

/* -- connections -- */

static uint32_t node_of(const struct player *player, uint32_t connection)
{
    return connection % site_nodes(player->site);
}

static bool connection_open(struct player *player, uint32_t index)
{
    char subject[64];
    struct player_connection *connection = &player->connections[index];
    uint32_t nodes = site_nodes(player->site);
    (void)snprintf(subject, sizeof(subject), "_INBOX.%s.%" PRIu32 ".r.*", player->prefix, index);
    for (uint32_t at = 0; at < nodes; at++) {
        uint16_t port = site_port(player->site, (node_of(player, index) + at) % nodes);
        if (wire_open(&connection->wire, port, OPEN_MS)) {
            return wire_subscribe(&connection->wire, subject, SUBSCRIPTION_ANSWERS);
        }
    }
    return false;
}

/* The connection of that name, opened if it is not. */
static struct player_connection *connection_of(struct player *player, const char *name)
{
    name = name == NULL ? "main" : name;
    uint32_t at = 0;
    while (at < player->connection_count && strcmp(player->connections[at].name, name) != 0) {
        at++;
    }
    if (at == PLAYER_CONNECTIONS_MAX) {
        player_break(player, "more connections than a script may have");
        return NULL;
    }
    struct player_connection *connection = &player->connections[at];
    if (at == player->connection_count) {
        player->connection_count++;
        (void)snprintf(connection->name, sizeof(connection->name), "%s", name);
        connection->wire.fd = -1;
    }
    if (connection->wire.fd < 0 && !connection_open(player, at)) {
        player_break(player, "the broker takes no connection");
        return NULL;
    }
    return connection;
}

static void connections_close(struct player *player, bool reset)
{
    for (uint32_t at = 0; at < player->connection_count; at++) {
        wire_close(&player->connections[at].wire, reset);
    }
}

/* -- lines -- */

static bool ask_send(struct player *player, const struct script_line *line, const struct ask *ask, const char *subject)
{
    char reply[64];
    struct player_connection *connection = connection_of(player, line_text(line, OPTION_on));
    if (connection == NULL) {
        return false;
    }
    (void)snprintf(reply, sizeof(reply), "_INBOX.%s.%d.r.%" PRIu32, player->prefix,
                   (int)(connection - player->connections), player->line);
    bool asked = operation_answers(line) || line->operation == OPERATION_KILL_LEADER;
    return wire_publish(&connection->wire, subject, asked ? reply : NULL, ask->headed ? ask->headers : NULL, ask->body,
                        ask->body_size);
}

static bool send_pull(struct player *player, const struct script_line *line)
{
    struct ask ask;
    char inbox[64];
    struct player_connection *connection = connection_of(player, line_text(line, OPTION_on));
    uint32_t name = trace_name(&player->trace, line_text(line, OPTION_as));
    if (connection == NULL || name == TRACE_NAMES_MAX) {
        return false;
    }
    player->pull_names[player->line] = name;
    (void)snprintf(inbox, sizeof(inbox), "_INBOX.%s.p.%" PRIu32, player->prefix, player->line);
    ask_pull(line, player->prefix, &ask);
    return wire_subscribe(&connection->wire, inbox, SUBSCRIPTION_PULLS + player->line) &&
           wire_publish(&connection->wire, ask.subject, inbox, NULL, ask.body, ask.body_size);
}

static const char *token_reply(const struct player *player, const char *text)
{
    char name[TRACE_NAME_MAX];
    uint32_t number;
    if (!token_read(text, name, &number)) {
        return NULL;
    }
    for (uint32_t at = 0; at < player->token_count; at++) {
        if (strcmp(player->trace.names[player->tokens[at].name], name) == 0 && --number == 0) {
            return player->tokens[at].reply;
        }
    }
    return NULL;
}

static bool send_verdict(struct player *player, const struct script_line *line)
{
    struct ask ask;
    const char *reply = token_reply(player, line->words[0]);
    if (reply == NULL) {
        player->trace.items[player->item].skipped = true;
        player->asked = false;
        return true;
    }
    ask_verdict(line, &ask);
    return ask_send(player, line, &ask, reply);
}

static bool send_listen(struct player *player, const struct script_line *line)
{
    char subject[WIRE_SUBJECT_MAX];
    struct player_connection *connection = connection_of(player, line_text(line, OPTION_on));
    uint32_t name = trace_name(&player->trace, line_text(line, OPTION_as));
    ask_advisories(player->prefix, line->words[0], subject);
    return connection != NULL && wire_subscribe(&connection->wire, subject, SUBSCRIPTION_LISTEN + name);
}

static bool send_cut(struct player *player, const struct script_line *line)
{
    struct player_connection *connection = connection_of(player, line->words[0]);
    if (connection != NULL) {
        wire_close(&connection->wire, true);
    }
    return connection != NULL;
}

static bool line_send(struct player *player, const struct script_line *line)
{
    struct ask ask;
    uint32_t replicas = site_nodes(player->site);
    switch (line->operation) {
    case OPERATION_PULL:
        return send_pull(player, line);
    case OPERATION_ACK:
    case OPERATION_NAK:
    case OPERATION_PROGRESS:
    case OPERATION_TERM:
        return send_verdict(player, line);
    case OPERATION_LISTEN:
        return send_listen(player, line);
    case OPERATION_CUT:
        return send_cut(player, line);
    default:
        return !ask_make(line, player->prefix, replicas, &ask) || ask_send(player, line, &ask, ask.subject);
    }
}

static uint64_t answer_patience_ns(const struct script_line *line)
{
    bool setup = line->operation == OPERATION_STREAM || line->operation == OPERATION_CONSUMER ||
                 line->operation == OPERATION_KV || line->operation == OPERATION_DROP ||
                 line->operation == OPERATION_KILL_LEADER;
    return (setup ? ANSWER_SETUP_MS : line_has(line, OPTION_sync) ? ANSWER_SYNC_MS : ANSWER_MS) * MILLISECOND;
}

static void line_begin(struct player *player, uint64_t now_ns)
{
    const struct script_line *line = &player->script->lines[player->line];
    struct item *item = trace_add(&player->trace, ITEM_LINE, player_since(player, now_ns));
    if (item == NULL) {
        player_break(player, "out of memory");
        return;
    }
    uint64_t late = player_since(player, now_ns) - player->planned_ns;
    player->trace.late_ns = late > player->trace.late_ns ? late : player->trace.late_ns;
    player->item = player->trace.count - 1;
    item->line = player->line;
    item->answer.code = operation_answers(line) ? CODE_NONE : 0;
    player->asked = operation_answers(line) || line->operation == OPERATION_KILL_LEADER;
    player->answered = false;
    player->line_ends_ns = now_ns + line_lasts_ns(line);
    player->answer_until_ns = now_ns + answer_patience_ns(line);
    if (line->operation == OPERATION_RESTART || line->operation == OPERATION_PAUSE) {
        player->state = PLAYER_WORLD;
    } else if (!line_send(player, line) && player->state != PLAYER_BROKEN) {
        player_break(player, "a line could not be sent");
    }
}

static bool line_over(const struct player *player, uint64_t now_ns)
{
    bool answered = !player->asked || player->answered || now_ns >= player->answer_until_ns;
    return answered && now_ns >= player->line_ends_ns;
}

static void line_next(struct player *player, uint64_t now_ns)
{
    player->planned_ns = player_since(player, player->line_ends_ns);
    if (++player->line == player->script->count) {
        player->line--;
        player->state = PLAYER_DONE;
        player->trace.end_ns = player_since(player, now_ns);
        return;
    }
    line_begin(player, now_ns);
}

/* -- the whole -- */

bool player_begin(struct player *player, const struct script *script, struct site *site, uint32_t number)
{
    memset(player, 0, sizeof(*player));
    player->script = script;
    player->site = site;
    (void)snprintf(player->prefix, sizeof(player->prefix), "x%" PRIu32, number);
    if (connection_of(player, NULL) == NULL) {
        return false;
    }
    player->begun_ns = 0;
    return true;
}

void player_end(struct player *player)
{
    connections_close(player, false);
    trace_free(&player->trace);
    free(player->tokens);
    player->tokens = NULL;
}

void player_turn(struct player *player, uint64_t now_ns)
{
    if (player->begun_ns == 0) {
        player->begun_ns = player->heard_ns = now_ns;
        line_begin(player, now_ns);
    }
    player_hear(player, now_ns);
    while (player->state == PLAYER_PLAYING && line_over(player, now_ns)) {
        if (player->script->lines[player->line].operation == OPERATION_KILL_LEADER && player->asked) {
            player->asked = false;
            player->state = PLAYER_WORLD;
            return;
        }
        line_next(player, now_ns);
    }
}

uint64_t player_next_ns(const struct player *player)
{
    return player->asked && !player->answered ? player->answer_until_ns : player->line_ends_ns;
}

uint32_t player_polls(const struct player *player, struct pollfd *ret_polls)
{
    uint32_t count = 0;
    for (uint32_t at = 0; at < player->connection_count; at++) {
        if (player->connections[at].wire.fd >= 0) {
            ret_polls[count++] = (struct pollfd){ .fd = player->connections[at].wire.fd, .events = POLLIN };
        }
    }
    return count;
}

void player_world_begins(struct player *player, uint64_t now_ns)
{
    player_hear(player, now_ns);
    struct item *item = &player->trace.items[player->item];
    item->at_ns = item->until_ns = player_since(player, now_ns);
}

void player_world_ended(struct player *player, uint64_t now_ns, bool connections_lost)
{
    struct item *item = &player->trace.items[player->item];
    if (connections_lost) {
        player_hear(player, now_ns); /* last words */
        connections_close(player, false);
    }
    player->state = PLAYER_PLAYING;
    item->until_ns = player_since(player, now_ns);
    player->line_ends_ns = now_ns + line_lasts_ns(&player->script->lines[player->line]);
    player->answer_until_ns = now_ns;
    if (connections_lost && connection_of(player, NULL) == NULL) {
        return;
    }
}
