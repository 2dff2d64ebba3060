/* libFuzzer target for the pipe/1 codec: any bytes are read as a stream of frames. What is decoded must lie within the
 * input, encode to the same bytes again, and be judged without reading outside. */
#include "adapters/plugin/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(const struct frame *frame, struct bytes input, size_t used)
{
    struct event_buffer buffer = { 0 };
    assert(used <= input.length);
    assert(frame->header.at + frame->header.length + frame->body.length == input.at + used);
    assert(event_block_valid(frame->header));
    assert(frame_append(&buffer, *frame, UINT32_MAX - 64));
    assert(buffer.length == used);
    assert(memcmp(buffer.at, input.at, used) == 0);
    event_buffer_free(&buffer);
    if (frame_result_problem(frame->header) == NULL) {
        assert(!frame_block_has_control(frame->header));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = { data, size };
    for (;;) {
        struct frame frame;
        size_t used = 0;
        const char *problem = NULL;
        enum frame_verdict verdict = frame_decode(input, 1 << 20, &frame, &used, &problem);
        if (verdict == FRAME_BAD) {
            assert(problem != NULL);
            return 0;
        }
        if (verdict == FRAME_PARTIAL) {
            assert(used > input.length);
            return 0;
        }
        check_frame(&frame, input, used);
        input.at += used;
        input.length -= used;
    }
}
