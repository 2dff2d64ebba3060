/* Answers with the event's own data; the attribute "test" comes back as "echoed". */
#include <stead/plugin.h>

#include <stdlib.h>
#include <string.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    stead_bytes data = stead_event_data(in);
    stead_bytes test = stead_event_attribute(in, "test");
    stead_status status = stead_reply(ctx, "test.echo.v1", NULL, data.p, data.n);
    if (status == STEAD_OK && test.n > 0) {
        char *text = stead_alloc(ctx, test.n + 1);
        if (text == NULL) {
            return stead_fail(ctx, STEAD_RETRY, "out of memory");
        }
        memcpy(text, test.p, test.n);
        status = stead_reply_attribute(ctx, "echoed", text);
    }
    return status;
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "echo", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
