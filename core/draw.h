/* Addressed randomness: a draw is a pure function of (seed, entity, purpose, counter), so taking one away shifts no
 * other. The mixer is the finaliser of SplitMix64 over a running combination. */
#ifndef STEAD_CORE_DRAW_H
#define STEAD_CORE_DRAW_H

#include <stdint.h>

enum draw_purpose {
    DRAW_BACKOFF = 1,
    DRAW_NONCE,
    DRAW_PUBLISH_RETRY,
    DRAW_HAND_BACK,
    DRAW_ROUTE,
    DRAW_LEASE,
    DRAW_CONNECT,
    DRAW_USER = 100
};

static inline uint64_t draw_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The part of every draw that comes from the seed: whoever draws all the time keeps it. */
static inline uint64_t draw_root(uint64_t seed)
{
    return draw_mix(seed + UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t draw_from(uint64_t root, uint64_t entity, uint64_t purpose, uint64_t counter)
{
    uint64_t x = draw_mix(root ^ (entity + UINT64_C(0x9e3779b97f4a7c15)));
    x = draw_mix(x ^ (purpose + UINT64_C(0x9e3779b97f4a7c15)));
    return draw_mix(x ^ (counter + UINT64_C(0x9e3779b97f4a7c15)));
}

static inline uint64_t draw(uint64_t seed, uint64_t entity, uint64_t purpose, uint64_t counter)
{
    return draw_from(draw_root(seed), entity, purpose, counter);
}

/* Uniform in [0, bound); 0 if bound is 0. By multiplication, so that it is the same everywhere and has no loop. */
static inline uint64_t draw_below(uint64_t random, uint64_t bound)
{
    return (uint64_t)((unsigned __int128)random * bound >> 64);
}

#endif
