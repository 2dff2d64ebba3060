/* Attribute blocks: walking any bytes stays inside them, and a valid block rebuilds to the same bytes. */
#include "adapters/event/event.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event event;
    if (!event_unpack((struct bytes){ data, size }, &event)) {
        return 0;
    }
    require(event.block.length + event.data.length + EVENT_PACKED_PREFIX_BYTES == size);
    struct event_buffer block = { 0 }, packed = { 0 };
    size_t cursor = 0;
    struct attribute attribute;
    uint64_t number;
    while (event_next(event.block, &cursor, &attribute)) {
        event_buffer_attribute(&block, attribute.name, attribute.value);
        event_find_u64(event.block, "sequence", &number);
    }
    if (event_block_valid(event.block)) {
        struct bytes rebuilt = { block.at, block.length };
        require(bytes_equal(rebuilt, event.block));
        event_pack(&packed, (struct event){ rebuilt, event.data });
        require(bytes_equal((struct bytes){ packed.at, packed.length }, (struct bytes){ data, size }));
    }
    event_buffer_free(&block);
    event_buffer_free(&packed);
    return 0;
}
