/* Rounds: the script is cut into runs of lines, and each round plays, at once, all scripts that lack one of them. The
 * first that still fails is the script of the next round; if none does, runs become half as long, down to single lines.
 * Late runs are tried first: what comes late is needed least. */
#include "conform/reduce.h"

#include <string.h>

struct reducing {
    struct script *best;
    const struct reduce_options *options;
    uint32_t rounds;
};

/* Scripts that lack one run of `size` lines each, from run number `first` on, counted from the end. */
static uint32_t candidates(const struct script *best, uint32_t size, uint32_t first, struct script *ret_scripts)
{
    uint32_t count = 0, end = best->count;
    for (uint32_t run = 0; end > 0 && count < REDUCE_MANY; run++) {
        uint32_t begin = end > size ? end - size : 0;
        if (run >= first && end - begin < best->count && script_copy(best, &ret_scripts[count])) {
            script_cut(&ret_scripts[count++], begin, end - begin);
        }
        end = begin;
    }
    return count;
}

/* One round; true: something smaller was found. */
static bool round_play(struct reducing *reducing, uint32_t size, uint32_t first, uint32_t *ret_count)
{
    struct script scripts[REDUCE_MANY];
    bool fails[REDUCE_MANY] = { false };
    uint32_t count = candidates(reducing->best, size, first, scripts), taken = count;
    reducing->rounds++;
    bool good = count > 0 && reducing->options->fail(reducing->options->owner, scripts, count, fails);
    for (uint32_t at = 0; good && at < count && taken == count; at++) {
        taken = fails[at] ? at : count;
    }
    if (taken < count) {
        script_free(reducing->best);
        *reducing->best = scripts[taken];
    }
    for (uint32_t at = 0; at < count; at++) {
        if (at != taken) {
            script_free(&scripts[at]);
        }
    }
    *ret_count = good ? count : 0;
    return taken < count;
}

uint32_t reduce(struct script *script, const struct reduce_options *options)
{
    struct reducing reducing = { .best = script, .options = options };
    uint32_t size = (script->count + 1) / 2, first = 0;
    while (size > 0 && reducing.rounds < options->rounds_max) {
        uint32_t count = 0;
        if (round_play(&reducing, size, first, &count)) {
            size = size > script->count ? script->count : size;
            continue;
        }
        first += count;
        if (count < REDUCE_MANY) {
            size = size == 1 ? 0 : (size + 1) / 2;
            first = 0;
        }
    }
    return reducing.rounds;
}
