/* A submitted request is named by its id, which alone goes to stdout: `id=$(stead submit ...)`. Waiting for a result
 * may take longer than the service lets one call last, so the question is asked again until --timeout is over. */
#include "cli/result.h"

#include "adapters/cloudevents/names.h"
#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/request.h"
#include "cli/say.h"

#include <string.h>
#include <time.h>

enum { ASK_AGAIN_MS = 200 };
#define ANSWER_TIMEOUT_NS INT64_C(10000000000)

/* -- submit -------------------------------------------------------------------------------------------------------- */

static void submitted_show(const struct arguments *arguments, const struct rpc_reply *reply)
{
    struct bytes id = reply->request_id;
    if (arguments_has(arguments, "json")) {
        struct document document = { 0 };
        document_open(&document, '{');
        document_key(&document, "ok");
        document_truth(&document, true);
        document_member(&document, "function", bytes_of(arguments->words[0]));
        document_member(&document, "id", id);
        document_key(&document, "duplicate");
        document_truth(&document, reply->duplicate);
        document_close(&document, '}');
        document_print(&document);
    } else {
        say_text(stdout, id);
        putchar('\n');
    }
    fflush(stdout);
    if (reply->duplicate) {
        say("the same event was accepted before; this is that request");
    }
    if (cloudevents_request_id_valid(id)) {
        say_next("stead result %.*s --wait", (int)id.length, (const char *)id.at);
    }
}

int submit_run(const struct arguments *arguments)
{
    struct request request;
    int code = EXIT_USAGE;
    if (request_make(arguments, "10s", &request)) {
        struct rpc_client *client = client_open(arguments);
        code = EXIT_UNAVAILABLE;
        if (client != NULL) {
            struct rpc_reply *reply = rpc_client_submit(client, &request.query);
            if (reply == NULL || reply->status != RPC_STATUS_OK || reply->request_id.length == 0) {
                code = client_refused(arguments, reply, arguments->words[0]);
                if (code == EXIT_TRY_AGAIN || code == EXIT_UNAVAILABLE) {
                    say_next("the same with --id %s", request.id);
                }
            } else {
                submitted_show(arguments, reply);
                rpc_reply_free(reply);
                code = EXIT_DONE;
            }
            rpc_client_close(client);
        }
    }
    request_free(&request);
    return code;
}

/* -- result -------------------------------------------------------------------------------------------------------- */

static void attempts_json(struct document *document, const struct rpc_reply *reply)
{
    document_member_number(document, "attempts", reply->attempts);
    if (reply->causes.length > 0) {
        document_member(document, "causes", reply->causes);
    }
}

static bool result_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, !reply->function_failed);
    document_member(&document, "id", reply->request_id);
    document_member(&document, "outcome", reply->outcome);
    document_member(&document, "function", reply->function);
    document_member(&document, "version", reply->version);
    attempts_json(&document, reply);
    if (reply->function_failed) {
        document_member(&document, "reason", reply->reason);
        if (reply->cause.length > 0) {
            document_member(&document, "cause", reply->cause);
        }
        request_error_json(&document, reply);
    } else {
        request_body_json(&document, reply);
    }
    document_close(&document, '}');
    return document_print(&document);
}

/* "python/stats failed: <error> (FUNCTION_ERROR)" */
static void failure_say(const struct rpc_reply *reply)
{
    fputs(say_colour(stderr, COLOUR_RED), stderr);
    say_text(stderr, reply->function.length > 0 ? reply->function : bytes_of("request"));
    fputc(' ', stderr);
    say_text(stderr, reply->outcome.length > 0 ? reply->outcome : bytes_of("failed"));
    fprintf(stderr, "%s: ", say_colour(stderr, COLOUR_NONE));
    say_text(stderr, say_trimmed(reply->error));
    if (reply->reason.length > 0) {
        fputs(" (", stderr);
        say_text(stderr, reply->reason);
        fputc(')', stderr);
    }
    fputc('\n', stderr);
}

/* "3 attempts: error=1,crash=1" where not all went well. */
static void attempts_say(const struct rpc_reply *reply)
{
    if (reply->causes.length > 0) {
        fprintf(stderr, "%u attempt%s: ", reply->attempts, reply->attempts == 1 ? "" : "s");
        say_text(stderr, reply->causes);
        fputc('\n', stderr);
    }
}

static int result_show(const struct arguments *arguments, const struct rpc_reply *reply)
{
    bool good = true;
    if (arguments_has(arguments, "json")) {
        good = result_json(reply);
    } else if (!reply->function_failed) {
        good = request_body_print(reply->data);
    }
    fflush(stdout);
    if (reply->function_failed) {
        failure_say(reply);
    }
    attempts_say(reply);
    if (bytes_equal_text(reply->outcome, "dead-lettered")) {
        say_next("stead dead show %.*s", (int)reply->request_id.length, (const char *)reply->request_id.at);
    }
    if (reply->function_failed) {
        return EXIT_SAID_NO;
    }
    return good ? EXIT_DONE : EXIT_SAID_NO;
}

/* Asks until there is one, the time is over, or another answer comes. */
static struct rpc_reply *result_await(struct rpc_client *client, struct bytes id, int64_t timeout_ns)
{
    uint64_t end_ns = loop_now_ns() + (uint64_t)timeout_ns;
    for (;;) {
        uint64_t begin_ns = loop_now_ns();
        int64_t left_ns = end_ns > begin_ns ? (int64_t)(end_ns - begin_ns) : 1;
        struct rpc_reply *reply = rpc_client_result(client, id, true, left_ns);
        bool not_yet = reply != NULL && reply->status == RPC_STATUS_DEADLINE_EXCEEDED;
        if (!not_yet || loop_now_ns() + (uint64_t)ASK_AGAIN_MS * 1000000 >= end_ns) {
            return reply;
        }
        rpc_reply_free(reply);
        if (loop_now_ns() - begin_ns < (uint64_t)ASK_AGAIN_MS * 1000000) {
            nanosleep(&(struct timespec){ .tv_nsec = ASK_AGAIN_MS * 1000000L }, NULL);
        }
    }
}

int result_run(const struct arguments *arguments)
{
    struct bytes id = bytes_of(arguments->words[0]);
    int64_t timeout_ns;
    if (!request_timeout(arguments, "30s", &timeout_ns)) {
        return EXIT_USAGE;
    }
    bool wait = arguments_has(arguments, "wait");
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply =
        wait ? result_await(client, id, timeout_ns) : rpc_client_result(client, id, false, timeout_ns);
    int code;
    if (reply != NULL && reply->status == RPC_STATUS_DEADLINE_EXCEEDED && wait) {
        code = client_refused_with(arguments, reply, arguments->words[0],
                                   "it has not ended yet, or nothing of that "
                                   "id was accepted: ask again");
    } else if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, arguments->words[0]);
    } else {
        code = result_show(arguments, reply);
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

/* -- cancel -------------------------------------------------------------------------------------------------------- */

/* What it had come to by then stands in its result; without one the end alone is told. */
static void cancel_show(const struct arguments *arguments, struct rpc_client *client, const char *id)
{
    struct rpc_reply *stored = rpc_client_result(client, bytes_of(id), false, ANSWER_TIMEOUT_NS);
    bool told = stored != NULL && stored->status == RPC_STATUS_OK;
    if (arguments_has(arguments, "json")) {
        struct document document = { 0 };
        document_open(&document, '{');
        document_key(&document, "ok");
        document_truth(&document, true);
        document_member(&document, "id", bytes_of(id));
        if (told) {
            document_member(&document, "function", stored->function);
            attempts_json(&document, stored);
        }
        document_close(&document, '}');
        document_print(&document);
    }
    say("cancelled  %s", id);
    if (told) {
        attempts_say(stored);
    }
    if (stored != NULL) {
        rpc_reply_free(stored);
    }
}

int cancel_run(const struct arguments *arguments)
{
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_cancel(client, bytes_of(arguments->words[0]), ANSWER_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, arguments->words[0]);
    } else {
        cancel_show(arguments, client, arguments->words[0]);
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}
