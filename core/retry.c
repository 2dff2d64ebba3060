/* Exponential backoff with addressed jitter: the same request and attempt draw the same delay on the same instance, so
 * a run can be replayed. Definitions as in AWS's "Exponential Backoff And Jitter". */
#include "core/banned.h"
#include "core/assert.h"
#include "core/draw.h"
#include "core/retry.h"

uint64_t retry_ceiling_ns(const struct backoff *backoff, uint32_t attempts)
{
    ASSERT(attempts > 0);
    uint64_t ceiling = backoff->ns_base;
    uint32_t doublings = attempts - 1 < 64 ? attempts - 1 : 64; /* A base of 0 never gets there. */
    for (uint32_t i = 0; i < doublings && ceiling < backoff->ns_max; i++) {
        ceiling = ceiling > UINT64_MAX / 2 ? UINT64_MAX : ceiling * 2;
    }
    return ceiling < backoff->ns_max ? ceiling : backoff->ns_max;
}

static uint64_t between(uint64_t random, uint64_t least, uint64_t bound)
{
    return bound <= least ? least : least + draw_below(random, bound - least);
}

uint64_t retry_delay_ns(const struct backoff *backoff, uint64_t seed, struct key request, uint32_t attempts)
{
    uint64_t ceiling = retry_ceiling_ns(backoff, attempts);
    uint64_t random = draw(seed, request.lo ^ request.hi, DRAW_BACKOFF, attempts);
    switch (backoff->jitter) {
    case JITTER_FULL:
        return between(random, 0, ceiling);
    case JITTER_EQUAL:
        return between(random, ceiling / 2, ceiling);
    case JITTER_DECORRELATED: {
        uint64_t before = attempts > 1 ? retry_ceiling_ns(backoff, attempts - 1) : backoff->ns_base;
        uint64_t bound = before > UINT64_MAX / 3 ? UINT64_MAX : before * 3;
        uint64_t delay = between(random, backoff->ns_base, bound);
        return delay < backoff->ns_max ? delay : backoff->ns_max;
    }
    default:
        return ceiling;
    }
}
