/* Answers its first call if the data is empty, and dies of a signal in any other. */
#include <stead/plugin.h>

#include <stdio.h>
#include <stdlib.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    if (stead_event_data(in).n > 0) {
        fprintf(stderr, "about to crash\n");
        abort();
    }
    return STEAD_OK;
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "crashes", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
