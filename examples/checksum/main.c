/* Computes checksums of the event's data, whatever it is: CRC-32 (as in zip and PNG) and Adler-32 (as in zlib). */
#include <stead/plugin.h>

#include <stdio.h>

static uint32_t crc32_table[256];

static stead_status initialize(stead_ctx *ctx)
{
    (void)ctx;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? 0xedb88320u ^ crc >> 1 : crc >> 1;
        }
        crc32_table[byte] = crc;
    }
    return STEAD_OK;
}

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    stead_bytes data = stead_event_data(in);
    const uint8_t *bytes = data.p;
    if (data.n == 0) {
        return stead_fail(ctx, STEAD_REJECT, "the event has no data");
    }
    uint32_t crc = 0xffffffffu, a = 1, b = 0;
    for (size_t i = 0; i < data.n; i++) {
        crc = crc32_table[(crc ^ bytes[i]) & 255] ^ crc >> 8;
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
    }
    char answer[96];
    int length = snprintf(answer, sizeof answer, "{\"bytes\":%zu,\"crc32\":\"%08x\",\"adler32\":\"%08x\"}", data.n,
                          ~crc, b << 16 | a);
    return stead_reply(ctx, "dev.stead.example.checksum.v1", "application/json", answer, (size_t)length);
}

static const stead_plugin plugin = {
    .abi = STEAD_ABI, .name = "checksum", .initialize = initialize, .execute = execute
};

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
