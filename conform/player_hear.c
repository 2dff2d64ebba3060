/* What arrives for a player: messages and ends of its pulls, advisories, answers. The number of the subscription tells
 * which it is. */
#include <stdlib.h>
#include <string.h>

#include "conform/ask.h"
#include "conform/player_private.h"

uint64_t player_since(const struct player *player, uint64_t now_ns)
{
    return now_ns - player->begun_ns;
}

static void token_keep(struct player *player, uint32_t name, const char *reply)
{
    struct player_token *tokens = realloc(player->tokens, (player->token_count + 1) * sizeof(*tokens));
    if (tokens == NULL) {
        player_break(player, "out of memory");
        return;
    }
    player->tokens = tokens;
    tokens[player->token_count].name = name;
    (void)snprintf(tokens[player->token_count].reply, WIRE_SUBJECT_MAX, "%s", reply);
    player->token_count++;
}

static void on_pull(struct player *player, const struct wire_message *message, uint64_t now_ns)
{
    uint32_t name = player->pull_names[message->subscription - SUBSCRIPTION_PULLS];
    uint64_t sequence = 0;
    uint32_t delivered = 0;
    bool delivery = message->status == 0 && delivery_read(message->reply, &sequence, &delivered);
    struct item *item = trace_add(&player->trace, delivery ? ITEM_DELIVERY : ITEM_ENDED, player_since(player, now_ns));
    if (item == NULL) {
        player_break(player, "out of memory");
        return;
    }
    item->line = player->line;
    item->gap_ns = now_ns - player->heard_ns;
    item->name = name;
    item->sequence = sequence;
    item->delivered = delivered;
    item->code = delivery ? 0 : message->status != 0 ? message->status : CODE_UNCLEAR;
    if (delivery) {
        token_keep(player, name, message->reply);
    }
}

/* "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.<stream>.<consumer>": the fifth word; births and deaths of consumers are
 * not news. */
static void on_advisory(struct player *player, const struct wire_message *message, uint64_t now_ns)
{
    char text[WIRE_SUBJECT_MAX], *rest = NULL;
    (void)snprintf(text, sizeof(text), "%s", message->subject);
    char *word = strtok_r(text, ".", &rest);
    for (uint32_t at = 0; at < 4 && word != NULL; at++) {
        word = strtok_r(NULL, ".", &rest);
    }
    bool news = word != NULL && (strcmp(word, "MAX_DELIVERIES") == 0 || strcmp(word, "MSG_TERMINATED") == 0);
    struct item *item = news ? trace_add(&player->trace, ITEM_HEARD, player_since(player, now_ns)) : NULL;
    if (item != NULL) {
        item->line = player->line;
        item->name = message->subscription - SUBSCRIPTION_LISTEN;
        (void)snprintf(item->heard, sizeof(item->heard), "%.20s", word);
    }
}

static void on_answer(struct player *player, const struct wire_message *message)
{
    char leader[TRACE_NAME_MAX];
    const char *last = strrchr(message->subject, '.');
    const struct script_line *line = &player->script->lines[player->line];
    if (last == NULL || strtoul(last + 1, NULL, 10) != player->line || player->answered || !player->asked) {
        return; /* of a line that is over */
    }
    player->answered = true;
    if (line->operation == OPERATION_KILL_LEADER) {
        leader_of(message, leader);
        player->leader = site_node_named(player->site, leader);
        return;
    }
    player->trace.items[player->item].answer = answer_of(line, message);
}

static void connection_hear(struct player *player, struct player_connection *connection, uint64_t now_ns)
{
    struct wire_message message;
    if (connection->wire.fd < 0) {
        return;
    }
    bool good = wire_turn(&connection->wire);
    while (wire_next(&connection->wire, &message)) {
        if (message.subscription >= SUBSCRIPTION_PULLS) {
            on_pull(player, &message, now_ns);
        } else if (message.subscription >= SUBSCRIPTION_LISTEN) {
            on_advisory(player, &message, now_ns);
        } else if (message.subscription == SUBSCRIPTION_ANSWERS) {
            on_answer(player, &message);
        }
    }
    if (!good && player->state != PLAYER_WORLD) {
        player_break(player, "the broker closed a connection");
    }
}

void player_hear(struct player *player, uint64_t now_ns)
{
    for (uint32_t at = 0; at < player->connection_count; at++) {
        connection_hear(player, &player->connections[at], now_ns);
    }
    player->heard_ns = now_ns;
}
