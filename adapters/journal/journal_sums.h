/* Sums of the parts of a file. Private to adapters/journal. */
#ifndef STEAD_ADAPTERS_JOURNAL_SUMS_H
#define STEAD_ADAPTERS_JOURNAL_SUMS_H

#include "adapters/journal/journal_format.h"

#include <stddef.h>
#include <xxhash.h>

/* Where the first record lies. */
static inline uint64_t journal_records_at(uint64_t snapshot_bytes)
{
    return (JOURNAL_SNAPSHOT_AT + snapshot_bytes + 63) & ~UINT64_C(63);
}

static inline uint64_t journal_seed(const struct journal_head *head)
{
    return head->run ^ head->sequence;
}

static inline uint64_t journal_head_sum(const struct journal_head *head)
{
    return XXH3_64bits(head, offsetof(struct journal_head, sum));
}

static inline uint64_t journal_seal_sum(const struct journal_seal *seal, uint64_t seed)
{
    return XXH3_64bits_withSeed(seal, offsetof(struct journal_seal, sum), seed);
}

/* Of a whole record in memory, but for the sum itself. */
static inline uint32_t journal_record_sum(const void *record, uint32_t body_bytes, uint64_t seed)
{
    const uint8_t *at = (const uint8_t *)record + sizeof(uint32_t);
    return (uint32_t)XXH3_64bits_withSeed(at, sizeof(struct journal_mark) - sizeof(uint32_t) + body_bytes, seed);
}

#endif
