/* Random scripts, of a seed, guided by the model: what was written so far is played by it, so that the next line acks
 * what was delivered, pulls where something waits, and stays clear of moments at which a timer goes off, when either
 * order would be right and nothing could be learnt.
 *
 * Each seed draws its weights anew: most scripts lack some kinds of lines altogether. */
#ifndef STEAD_CONFORM_RANDOM_H
#define STEAD_CONFORM_RANDOM_H

#include "conform/script.h"
#include "sim/jet.h"

enum { RANDOM_GROUP = 64 }; /* seeds that lie together are alike in what they do to a server */

struct random_options {
    enum jet_profile profile;
    bool cluster; /* its servers are not killed, and it is not asked for what makes one of 2.9 deaf (62-deaf) */
};

/* Whether a script of that seed kills its server once: of four groups of seeds, the last. */
bool random_restarts(uint64_t seed, const struct random_options *options);

/* False if memory is short. script_free() is the caller's. */
bool random_script(uint64_t seed, const struct random_options *options, struct script *ret_script);

#endif
