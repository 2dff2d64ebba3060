/* Waits as for another service, as many milliseconds as its input says, and gives the input back: a function that holds
 * its worker and no CPU. */
#include <stead/plugin.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    char text[8] = "";
    stead_bytes data = stead_event_data(in);
    memcpy(text, data.p, data.n < sizeof text ? data.n : sizeof text - 1);
    long ms = strtol(text, NULL, 10);
    nanosleep(&(struct timespec){ .tv_nsec = ms > 0 && ms < 1000 ? ms * 1000000 : 0 }, NULL);
    return stead_reply(ctx, "stead.bench.echo.v1", "application/octet-stream", data.p, data.n);
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "waits-c", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
