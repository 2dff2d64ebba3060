/* Gives back what it gets: what a call costs beside its function. */
#include <stead/plugin.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    stead_bytes data = stead_event_data(in);
    return stead_reply(ctx, "stead.bench.echo.v1", "application/octet-stream", data.p, data.n);
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "echo-c", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
