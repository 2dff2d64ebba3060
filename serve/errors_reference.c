/* Writes docs/reference/errors.md to stdout: the core's reasons and what a caller sees for each, then what a door
 * refuses before there is a request. The first table is made from the tables in code; the second is written down here,
 * since those reasons are texts of the adapters. */
#include "serve/instance.h"

#include <stdio.h>

static const struct {
    const char *reason;
    enum rpc_status status;
    const char *when;
} door_refusals[] = {
    { "BAD_REQUEST_ENCODING", RPC_STATUS_INVALID_ARGUMENT, "the message is not the protobuf of this method" },
    { "INVALID_REQUEST", RPC_STATUS_INVALID_ARGUMENT,
      "a field is empty, not UTF-8, or holds a NUL; the field is named" },
    { "INVALID_FUNCTION_NAME", RPC_STATUS_INVALID_ARGUMENT, "the name does not match `^[a-z][a-z0-9_-]{0,62}$`" },
    { "INVALID_ALIAS", RPC_STATUS_INVALID_ARGUMENT, "what follows `@` in the name is no alias" },
    { "METHOD_NOT_FOUND", RPC_STATUS_UNIMPLEMENTED, "there is no such method" },
    { "SERVICE_NOT_FOUND", RPC_STATUS_NOT_FOUND, "health: there is no such service" },
    { "OVERLOADED", RPC_STATUS_RESOURCE_EXHAUSTED, "more calls than `grpc.maxInFlight`, or no memory for this one" },
    { "REQUEST_TIMEOUT", RPC_STATUS_DEADLINE_EXCEEDED, "the call was opened and its message did not arrive" },
    { "INVALID_MANIFEST", RPC_STATUS_INVALID_ARGUMENT,
      "deploy: `stead.yaml` is wrong; file, line and column are told" },
    { "INVALID_SOURCE", RPC_STATUS_INVALID_ARGUMENT, "deploy: paths or sizes of the files can't be packed" },
    { "UNKNOWN_LANGUAGE", RPC_STATUS_INVALID_ARGUMENT,
      "deploy: nothing in the folder says what it is written in, or no such language" },
    { "BUILD_FAILED", RPC_STATUS_INVALID_ARGUMENT, "deploy: it does not build, or its packages may not be fetched" },
    { "PLUGIN_NOT_STARTED", RPC_STATUS_FAILED_PRECONDITION, "deploy: its process ended before it was ready" },
    { "NO_VERSION_BESIDE", RPC_STATUS_FAILED_PRECONDITION, "deploy: a canary, and no version has the rest" },
    { "NAME_TAKEN", RPC_STATUS_ALREADY_EXISTS, "deploy: a function of that name exists in another language" },
    { "CONSUMER_TAKEN", RPC_STATUS_FAILED_PRECONDITION,
      "deploy: somebody else's consumer on the stream `functions` has the function's name, or takes its requests" },
    { "CONCURRENT_DEPLOY", RPC_STATUS_ABORTED, "deploy: somebody else deployed it at the same time; try again" },
    { "RECORD_UNREADABLE", RPC_STATUS_FAILED_PRECONDITION,
      "deploy: the function's record on the broker is damaged or of a newer Stead" },
    { "VERSION_NOT_FOUND", RPC_STATUS_NOT_FOUND,
      "rollback, alias: no such version is kept (`FAILED_PRECONDITION`: there is none before this one)" },
    { "DEAD_LETTER_NOT_FOUND", RPC_STATUS_NOT_FOUND, "dead letters: there is none of that function and id" },
    { "ALIASES_FULL", RPC_STATUS_RESOURCE_EXHAUSTED, "deploy, alias: there are three beside `live` already" },
    { "FUNCTIONS_FULL", RPC_STATUS_RESOURCE_EXHAUSTED, "deploy: this instance has as many functions as it can" },
};

/* In the table for the order of codes, and given to nobody by this version. */
static bool reason_given(enum reason reason)
{
    return reason != REASON_HANDED_BACK && reason != REASON_BROKER_LOST;
}

static void print_retry(int64_t after_ms)
{
    if (after_ms == RPC_NEVER_RETRY) {
        printf("never");
    } else if (after_ms > 0) {
        printf("after %lld ms", (long long)after_ms);
    }
}

static void print_reasons(void)
{
    printf("| reason | gRPC status | on NATS | retry | what it means |\n|---|---|---:|---|---|\n");
    for (enum reason reason = (enum reason)(REASON_NONE + 1); reason < REASON_COUNT; reason++) {
        struct reason_answer row = reason_answer(reason);
        if (!reason_given(reason)) {
            continue;
        }
        bool function = reason == REASON_FUNCTION_ERROR;
        printf("| `%s` | `%s`%s | %u | ", reason_name(reason), rpc_status_name((int)row.status),
               function ? " with `error`" : "", row.nats_code);
        print_retry(row.retry_after_ms);
        printf(" | %s |\n", reason_meaning(reason));
    }
}

static void print_doors(void)
{
    printf("| reason | gRPC status | when |\n|---|---|---|\n");
    for (size_t i = 0; i < sizeof door_refusals / sizeof door_refusals[0]; i++) {
        printf("| `%s` | `%s` | %s |\n", door_refusals[i].reason, rpc_status_name((int)door_refusals[i].status),
               door_refusals[i].when);
    }
}

static void print_ends(void)
{
    static const char *const meanings[END_COUNT] = {
        [END_SUCCEEDED] = "the function answered",
        [END_FAILED] = "it can't succeed: the function said so, or the request is invalid",
        [END_EXPIRED] = "its time was over before it had succeeded",
        [END_DEAD_LETTERED] = "its attempts are used up; the request itself is in `function-dead`",
        [END_CANCELLED] = "somebody cancelled it before it had ended otherwise",
    };
    printf("| `stead-outcome` | meaning |\n|---|---|\n");
    for (enum end end = END_SUCCEEDED; end < END_COUNT; end++) {
        printf("| `%s` | %s |\n", end_name(end), meanings[end]);
    }
}

int main(void)
{
    printf(
        "# Errors\n\n<!-- Generated by errors_reference from core/reason.h and serve/reasons.c; do not edit. -->\n\n"
        "A function's own error is no gRPC error: the status is `OK`, `error` is set and `error_detail` says more.\n"
        "Everything else is a status with `google.rpc.ErrorInfo` (domain `stead`, the reason below, the request id in\n"
        "its metadata), and `RetryInfo` where trying again helps. `UNAVAILABLE` means that the function certainly did\n"
        "not start. A stored result carries the same reason in the header `stead-reason`, and the number of the third\n"
        "column in `Nats-Service-Error-Code`.\n\n## How a request ends\n\nEach accepted request ends in exactly one "
        "of these.\n\n");
    print_ends();
    printf("\n## Reasons\n\n");
    print_reasons();
    printf(
        "\n## Refused at a door\n\nThere is no request then, and nothing was started or stored. Reasons of the table\n"
        "above can come here too.\n\n");
    print_doors();
    return fflush(stdout) == 0 ? 0 : 1;
}
