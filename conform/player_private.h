/* What the files of the player share. Private to conform/player*. */
#ifndef STEAD_CONFORM_PLAYER_PRIVATE_H
#define STEAD_CONFORM_PLAYER_PRIVATE_H

#include "conform/player.h"

enum {
    SUBSCRIPTION_ANSWERS = 1,
    SUBSCRIPTION_LISTEN = 2,  /* and upwards, by name */
    SUBSCRIPTION_PULLS = 100, /* and upwards, by line */
};

void player_break(struct player *player, const char *why);
uint64_t player_since(const struct player *player, uint64_t now_ns);
/* Reads all connections and writes down what came. */
void player_hear(struct player *player, uint64_t now_ns);

#endif
