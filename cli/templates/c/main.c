/* Answers the text of an event in upper case: execute() is called for one event after another. */
#include <stead/plugin.h>

#include <ctype.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    stead_bytes data = stead_event_data(in);
    if (data.n == 0) {
        return stead_fail(ctx, STEAD_REJECT, "the event has no data"); /* permanent: never tried again */
    }
    char *answer = stead_alloc(ctx, data.n); /* freed after the call */
    if (answer == NULL) {
        return stead_fail(ctx, STEAD_RETRY, "out of memory");
    }
    for (size_t i = 0; i < data.n; i++) {
        answer[i] = (char)toupper(((const unsigned char *)data.p)[i]);
    }
    return stead_reply(ctx, "com.example.text.upper.v1", "text/plain", answer, data.n);
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "{{name}}", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
