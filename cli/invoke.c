/* One call and its answer. What the function says goes to stdout, all else to stderr, so that the answer can be
 * piped. */
#include "cli/invoke.h"

#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/request.h"
#include "cli/say.h"

#include <string.h>

static bool answer_json(const struct rpc_reply *reply, const char *name, double ms)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, !reply->function_failed);
    document_member(&document, "function", bytes_of(name));
    document_member(&document, "id", reply->request_id);
    document_key(&document, "ms");
    document_decimal(&document, ms);
    if (reply->attempts > 0) {
        document_member_number(&document, "attempts", reply->attempts);
    }
    if (reply->function_failed) {
        request_error_json(&document, reply);
    } else {
        request_body_json(&document, reply);
    }
    document_close(&document, '}');
    return document_print(&document);
}

static void outcome_say(const struct rpc_reply *reply, const char *name, double ms)
{
    if (reply->function_failed) {
        fprintf(stderr, "%s%s failed:%s ", say_colour(stderr, COLOUR_RED), name, say_colour(stderr, COLOUR_NONE));
        say_text(stderr, reply->error);
        fputc('\n', stderr);
    }
    fprintf(stderr, "%sid ", say_colour(stderr, COLOUR_DIM));
    say_text(stderr, reply->request_id);
    fprintf(stderr, "  %.1f ms", ms);
    if (reply->attempts > 0) {
        fprintf(stderr, "  %u attempt%s", reply->attempts, reply->attempts == 1 ? "" : "s");
    }
    if (reply->function_failed && reply->error_class.length > 0) {
        fputs("  class ", stderr);
        say_text(stderr, reply->error_class);
    }
    fprintf(stderr, "%s\n", say_colour(stderr, COLOUR_NONE));
}

/* A call that may be made again is safe to make again under its id, so the user is told that id. */
static int refused_show(const struct arguments *arguments, struct rpc_reply *reply, const char *id)
{
    int code = client_refused(arguments, reply, arguments->words[0]);
    if (code == EXIT_TRY_AGAIN || code == EXIT_UNAVAILABLE) {
        say_next("the same call with --id %s", id);
    }
    return code;
}

static int answer_show(const struct arguments *arguments, struct rpc_reply *reply, const char *id, double ms)
{
    const char *name = arguments->words[0];
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        return refused_show(arguments, reply, id);
    }
    bool good = true;
    if (arguments_has(arguments, "json")) {
        good = answer_json(reply, name, ms);
    } else if (!reply->function_failed) {
        good = request_body_print(reply->data);
    }
    fflush(stdout);
    outcome_say(reply, name, ms);
    int code = good ? client_exit_code(reply) : EXIT_SAID_NO;
    rpc_reply_free(reply);
    return code;
}

int invoke_run(const struct arguments *arguments)
{
    struct request request;
    int code = EXIT_USAGE;
    if (request_make(arguments, "30s", &request)) {
        struct rpc_client *client = client_open(arguments);
        code = EXIT_UNAVAILABLE;
        if (client != NULL) {
            uint64_t start_ns = loop_now_ns();
            struct rpc_reply *reply = rpc_client_execute(client, &request.query);
            code = answer_show(arguments, reply, request.id, (double)(loop_now_ns() - start_ns) / 1e6);
            rpc_client_close(client);
        }
    }
    request_free(&request);
    return code;
}
