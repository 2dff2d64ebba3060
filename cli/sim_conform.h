/* `stead sim conform`: the broker's model against real brokers. */
#ifndef STEAD_CLI_SIM_CONFORM_H
#define STEAD_CLI_SIM_CONFORM_H

#include <stdio.h>

#include "conform/campaign.h"

enum { CONFORM_BACKENDS_MAX = 8 };

struct conform_total {
    struct backend backends[CONFORM_BACKENDS_MAX];
    struct campaign campaigns[CONFORM_BACKENDS_MAX];
    double seconds[CONFORM_BACKENDS_MAX];
    uint32_t count;
    uint32_t files;        /* scripts that were read */
    uint64_t random, seed; /* how many random ones, and the first seed */
};

/* argv[0] is "conform". Returns 0 if all agreed, 4 if something differed, 2, 69 (no such server) or 70. Forks first
 * thing: no thread may exist. */
int sim_conform_main(int argc, char **argv);

/* Tables for people, JSON for programs. */
void conform_tell(const struct conform_total *total, FILE *out);
void conform_json(const struct conform_total *total, FILE *out);

#endif
