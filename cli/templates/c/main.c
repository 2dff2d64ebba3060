/* Answers the text of an event in upper case: execute() is called for one event after another. */
#include <stead/plugin.h>

#include <ctype.h>
#include <stdlib.h>

static stead_status execute(stead_ctx *ctx, const stead_event *in)
{
    stead_bytes data = stead_event_data(in);
    const unsigned char *text = data.p;
    if (data.n == 0) {
        return stead_fail(ctx, STEAD_REJECT, "the event has no data"); /* permanent: never tried again */
    }
    char *answer = malloc(data.n);
    if (answer == NULL) {
        return stead_fail(ctx, STEAD_RETRY, "out of memory");
    }
    for (size_t i = 0; i < data.n; i++) {
        answer[i] = (char)toupper(text[i]);
    }
    stead_status status = stead_reply(ctx, "com.example.text.upper.v1", "text/plain", answer, data.n);
    free(answer);
    return status;
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "{{name}}", .execute = execute };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
