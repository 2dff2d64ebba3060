/* What the broker sends: every view that a reader returns stays inside the input, and base64 comes back the same. */
#include "adapters/nats/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void require_inside(struct bytes part, struct bytes whole)
{
    require(part.length == 0 || (part.at >= whole.at && part.length <= (size_t)(whole.at + whole.length - part.at)));
}

static void check_base64(struct bytes input)
{
    size_t need = (input.length + 2) / 3 * 4 + 1;
    char *text = malloc(need);
    char *back = malloc(input.length + 1);
    require(wire_base64url_encode(input, text, need));
    if (input.length == 0 || memchr(input.at, 0, input.length) == NULL) {
        require(wire_base64url_decode(bytes_of(text), back, input.length + 1));
        require(input.length == 0 || memcmp(back, input.at, input.length) == 0);
    }
    wire_base64_decode(input, (uint8_t *)back, input.length);
    free(text);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = { data, size };
    struct bus_header headers[8];
    struct wire_ack ack;
    struct bytes description;
    size_t count = 0;
    bool flag;
    uint64_t number;
    uint32_t code;
    int64_t wall_ns;
    if (wire_headers_parse(input, headers, 8, &count, &flag)) {
        require(count <= 8);
        for (size_t i = 0; i < count; i++) {
            require_inside(headers[i].name, input);
            require_inside(headers[i].value, input);
        }
    }
    if (wire_status_parse(input, &code, &description)) {
        require(code <= 999);
        require_inside(description, input);
    }
    if (wire_ack_parse(input, &ack)) {
        require_inside(ack.stream, input);
        require_inside(ack.consumer, input);
        require(ack.consumer.at == ack.stream.at + ack.stream.length + 1);
    }
    if (wire_time_parse(input, &wall_ns)) {
        require(size >= 20);
    }
    wire_puback_parse(input, &number, &flag);
    check_base64(input);
    return 0;
}
