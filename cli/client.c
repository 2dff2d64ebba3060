/* A health check opens the connection, so that a Stead that isn't there is told from a call that was refused, and the
 * time of a call does not hold the time of connecting. Statuses become exit codes by one table. */
#include "cli/client.h"

#include "cli/document.h"
#include "cli/say.h"

#include <stdlib.h>
#include <string.h>

enum { CHECK_NS = 10000000000 };
enum { BY_STATUS = -1 };

/* status, exit code, what to do */
static const struct {
    int status;
    int code;
    const char *advice;
} meanings[] = {
    { RPC_STATUS_INVALID_ARGUMENT, EXIT_USAGE, NULL },
    { RPC_STATUS_NOT_FOUND, EXIT_USAGE, "what is deployed: stead function ls" },
    { RPC_STATUS_ALREADY_EXISTS, EXIT_USAGE, "choose another --id or --name" },
    { RPC_STATUS_OUT_OF_RANGE, EXIT_USAGE, NULL },
    { RPC_STATUS_UNIMPLEMENTED, EXIT_USAGE, "this Stead is of another version: stead version" },
    { RPC_STATUS_RESOURCE_EXHAUSTED, EXIT_TRY_AGAIN, "try again in a moment" },
    { RPC_STATUS_DEADLINE_EXCEEDED, EXIT_TRY_AGAIN, "the same --id again gets the same result once it is there" },
    { RPC_STATUS_ABORTED, EXIT_TRY_AGAIN, "try again" },
    { RPC_STATUS_CANCELLED, EXIT_TRY_AGAIN, "try again" },
    { RPC_STATUS_UNKNOWN, EXIT_TRY_AGAIN, "it may have run: the same --id again is safe" },
    { RPC_STATUS_UNAVAILABLE, EXIT_UNAVAILABLE, "it did not start; what is wrong: stead doctor" },
    { RPC_STATUS_PERMISSION_DENIED, EXIT_NOT_PERMITTED, NULL },
    { RPC_STATUS_UNAUTHENTICATED, EXIT_NOT_PERMITTED, NULL },
};

/* Where no event was sent there is no --id to send again. */
static const struct {
    int status;
    const char *advice;
} without_event[] = {
    { RPC_STATUS_DEADLINE_EXCEEDED, "it may be busy with a build: try again in a moment" },
    { RPC_STATUS_UNKNOWN, "it may have been done: look before you do it again" },
    { RPC_STATUS_ALREADY_EXISTS, "choose another --name" },
    { RPC_STATUS_UNAVAILABLE, "what is wrong: stead doctor" },
};

/* Reasons that say more than their status. */
static const struct {
    const char *reason;
    int code;
    const char *advice;
} reasons[] = {
    { "EVENT_TOO_LARGE", EXIT_USAGE, "send less, or raise limits.eventSize and the broker's max_payload" },
    { "BUILD_FAILED", EXIT_SAID_NO, "nothing was changed; deploy again when it builds" },
    { "RESULT_NOT_FOUND", EXIT_TRY_AGAIN, "to wait for it: stead result ID --wait" },
    { "REQUEST_NOT_FOUND", EXIT_USAGE, "it has ended and is no longer kept, or was never accepted" },
    { "ALREADY_ENDED", EXIT_SAID_NO, "what it ended with: stead result ID" },
    { "VERSION_NOT_FOUND", BY_STATUS, NULL },
    { "ALIASES_FULL", EXIT_SAID_NO, NULL },
    { "FUNCTIONS_FULL", EXIT_SAID_NO, NULL },
    { "LANGUAGE_NOT_SUPPORTED", BY_STATUS,
      "what each instance serves: stead instance ls; what this machine lacks: stead doctor" },
    { "ALIAS_NOT_FOUND", EXIT_USAGE, "what there is: stead function alias FUNCTION" },
};

const char *client_address(const struct arguments *arguments)
{
    const char *named = getenv("STEAD_ADDR");
    return arguments_text(arguments, "addr", named != NULL && named[0] != '\0' ? named : "127.0.0.1:7600");
}

static void refusal_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, false);
    document_member(&document, "status", bytes_of(rpc_status_name(reply->status)));
    document_member(&document, "reason", reply->reason);
    document_member(&document, "message", reply->message);
    if (reply->retry_after_ms >= 0) {
        document_member_number(&document, "retry_after_ms", reply->retry_after_ms);
    }
    document_key(&document, "violations");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->violation_count; i++) {
        document_open(&document, '{');
        document_member(&document, "field", reply->violations[i].key);
        document_member(&document, "description", reply->violations[i].value);
        document_close(&document, '}');
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

int client_exit_code(const struct rpc_reply *reply)
{
    if (reply->status == RPC_STATUS_OK) {
        return reply->function_failed ? EXIT_SAID_NO : EXIT_DONE;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (bytes_equal_text(reply->reason, reasons[i].reason) && reasons[i].code != BY_STATUS) {
            return reasons[i].code;
        }
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].status == reply->status) {
            return meanings[i].code;
        }
    }
    return EXIT_SAID_NO;
}

static bool sends_event(const struct command *command)
{
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        if (strcmp(option->name, "id") == 0) {
            return true;
        }
    }
    return false;
}

static const char *advice_for(const struct arguments *arguments, const struct rpc_reply *reply)
{
    bool plain = !sends_event(arguments->command);
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (bytes_equal_text(reply->reason, reasons[i].reason)) {
            return reasons[i].advice;
        }
    }
    for (size_t i = 0; plain && i < sizeof without_event / sizeof without_event[0]; i++) {
        if (without_event[i].status == reply->status) {
            return without_event[i].advice;
        }
    }
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (meanings[i].status == reply->status) {
            return meanings[i].advice;
        }
    }
    return NULL;
}

/* "stead: NAME: <message> (NOT_FOUND, FUNCTION_NOT_FOUND)" and, below, the fields that are at fault. */
static void refusal_say(const struct rpc_reply *reply, const char *name, const char *advice)
{
    fprintf(stderr, "%sstead:%s %s%s", say_colour(stderr, COLOUR_RED), say_colour(stderr, COLOUR_NONE),
            name == NULL ? "" : name, name == NULL ? "" : ": ");
    /* A compiler's message is many lines: it begins on one of its own, so that columns stay what they are. */
    struct bytes message = say_trimmed(reply->message);
    bool lines = message.length > 0 && memchr(message.at, '\n', message.length) != NULL;
    fputs(lines ? "\n" : "", stderr);
    say_text(stderr, message);
    fprintf(stderr, "%s(%s%s", lines ? "\n       " : " ", rpc_status_name(reply->status),
            reply->reason.length > 0 ? ", " : "");
    say_text(stderr, reply->reason);
    fputs(")\n", stderr);
    for (size_t i = 0; i < reply->violation_count; i++) {
        fputs("       ", stderr);
        say_text(stderr, reply->violations[i].key);
        fputs(": ", stderr);
        say_text(stderr, reply->violations[i].value);
        fputs("\n", stderr);
    }
    if (advice != NULL) {
        fprintf(stderr, "       %s\n", advice);
    }
}

int client_refused(const struct arguments *arguments, struct rpc_reply *reply, const char *name)
{
    return client_refused_with(arguments, reply, name, NULL);
}

int client_refused_with(const struct arguments *arguments, struct rpc_reply *reply, const char *name,
                        const char *advice)
{
    if (reply == NULL) {
        say_error("out of memory");
        return EXIT_TRY_AGAIN;
    }
    if (reply->status == RPC_STATUS_OK) {
        say_error("the answer makes no sense here: is %s a Stead of this version?", client_address(arguments));
        rpc_reply_free(reply);
        return EXIT_SAID_NO;
    }
    if (arguments_has(arguments, "json")) {
        refusal_json(reply);
    }
    refusal_say(reply, name, advice != NULL ? advice : advice_for(arguments, reply));
    int code = client_exit_code(reply);
    rpc_reply_free(reply);
    return code;
}

struct rpc_client *client_open(const struct arguments *arguments)
{
    bool serving;
    const char *address = client_address(arguments);
    struct rpc_client *client = rpc_client_connect(address);
    struct rpc_reply *reply = client == NULL ? NULL : rpc_client_check(client, "", CHECK_NS, &serving);
    /* Whoever answers anything else is there; the call itself then says more. */
    bool absent =
        reply == NULL || reply->status == RPC_STATUS_UNAVAILABLE || reply->status == RPC_STATUS_DEADLINE_EXCEEDED;
    if (absent) {
        if (arguments_has(arguments, "json") && reply != NULL) {
            refusal_json(reply);
        }
        say_error("no Stead answers at %s", address);
        say("       start one: stead dev (here) or stead serve; another address: --addr or STEAD_ADDR");
        rpc_client_close(client);
        client = NULL;
    }
    rpc_reply_free(reply);
    return client;
}
