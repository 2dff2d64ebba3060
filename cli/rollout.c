/* The service is asked again after a pause that grows to POLL_MS_MAX. Instances report their state to the broker, so
 * an answer may be older than the record: only one about the wanted revision counts. An instance that failed is given
 * until nobody else is at work, since what it says is the answer then. */
#include "cli/rollout.h"

#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/say.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS_MIN = 30, POLL_MS_MAX = 500, SHOWN_BYTES = 160, HEAR_MS_MAX = 5000 };
#define ASK_TIMEOUT_NS INT64_C(10000000000)

static uint32_t count_of(const struct rpc_rollout *rollout, const char *state)
{
    uint32_t count = 0;
    for (size_t i = 0; i < rollout->instance_count; i++) {
        count += bytes_equal_text(rollout->instances[i].state, state);
    }
    return count;
}

/* "1 fetching, 1 building, ready on 1 of 3 instances" */
static void progress_text(const struct rpc_rollout *rollout, char ret_text[SHOWN_BYTES])
{
    static const char *const states[][2] = {
        { "unseen", "not there yet" }, { "fetching", "fetching" }, { "building", "building" },
        { "probing", "starting" },     { "failed", "failed" },
    };
    size_t used = 0;
    ret_text[0] = '\0';
    if (rollout->total == 0) {
        snprintf(ret_text, SHOWN_BYTES, "no instance has told of itself yet");
        return;
    }
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        uint32_t count = count_of(rollout, states[i][0]);
        if (count > 0 && used < SHOWN_BYTES) {
            used += (size_t)snprintf(ret_text + used, SHOWN_BYTES - used, "%u %s, ", count, states[i][1]);
        }
    }
    if (used < SHOWN_BYTES) {
        snprintf(ret_text + used, SHOWN_BYTES - used, "ready on %u of %u instance%s", rollout->ready, rollout->total,
                 rollout->total == 1 ? "" : "s");
    }
}

/* A service that stored a function's first version may be asked before it has heard of that itself. */
static bool not_heard_of(const struct rpc_reply *reply, uint64_t begin_ns)
{
    return reply != NULL && reply->status == RPC_STATUS_NOT_FOUND &&
           loop_now_ns() - begin_ns < (uint64_t)HEAR_MS_MAX * 1000000;
}

/* Rewrites the line on a terminal, adds one elsewhere. */
static void progress_show(const char *text, char shown[SHOWN_BYTES])
{
    bool terminal = isatty(STDERR_FILENO);
    if (strcmp(text, shown) == 0) {
        return;
    }
    fprintf(stderr, "%srollout  %s%s", terminal ? "\r\033[K" : "", text, terminal ? "" : "\n");
    snprintf(shown, SHOWN_BYTES, "%s", text);
}

static void progress_end(const char *shown)
{
    fputs(shown[0] != '\0' && isatty(STDERR_FILENO) ? "\n" : "", stderr);
}

static int failures_say(const struct rpc_rollout *rollout, const char *name)
{
    say_error("%s is not ready everywhere: ready on %u of %u instances", name, rollout->ready, rollout->total);
    for (size_t i = 0; i < rollout->instance_count; i++) {
        const struct rpc_instance_rollout *instance = &rollout->instances[i];
        if (bytes_equal_text(instance->state, "failed")) {
            fputs("       ", stderr);
            say_text(stderr, instance->instance);
            fputs(": ", stderr);
            say_text(stderr, say_trimmed(instance->message));
            fputc('\n', stderr);
        }
    }
    say_next("stead function rollback %s", name);
    return EXIT_SAID_NO;
}

static int overdue_say(const struct rpc_rollout *rollout, const char *name)
{
    uint32_t outdated = 0;
    for (size_t i = 0; i < rollout->instance_count; i++) {
        outdated += rollout->instances[i].outdated;
    }
    say_error("time is up: %s is ready on %u of %u instances", name, rollout->ready, rollout->total);
    if (outdated > 0) {
        say("       %u calls still run on versions before", outdated);
    }
    say("       it goes on without you; wait longer: --timeout");
    return EXIT_TRY_AGAIN;
}

enum verdict { VERDICT_WAIT, VERDICT_READY, VERDICT_FAILED };

static enum verdict judge(const struct rpc_rollout *rollout, uint64_t revision)
{
    if (rollout->revision < revision || rollout->total == 0) {
        return VERDICT_WAIT;
    }
    if (rollout->ready >= rollout->total) {
        return VERDICT_READY;
    }
    uint32_t failed = count_of(rollout, "failed");
    return failed > 0 && rollout->ready + failed >= rollout->total ? VERDICT_FAILED : VERDICT_WAIT;
}

static void result_take(const struct rpc_rollout *rollout, struct rollout_result *ret_result)
{
    ret_result->ready = rollout->ready;
    ret_result->total = rollout->total;
    snprintf(ret_result->version, sizeof ret_result->version, "%.*s", (int)rollout->version.length,
             (const char *)rollout->version.at);
}

static void pause_for(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

int rollout_wait(const struct arguments *arguments, struct rpc_client *client, const char *name, uint64_t revision,
                 int64_t timeout_ns, struct rollout_result *ret_result)
{
    uint64_t begin_ns = loop_now_ns(), end_ns = begin_ns + (uint64_t)timeout_ns;
    char shown[SHOWN_BYTES] = "", text[SHOWN_BYTES];
    for (long pause_ms = POLL_MS_MIN;; pause_ms = pause_ms * 2 < POLL_MS_MAX ? pause_ms * 2 : POLL_MS_MAX) {
        struct rpc_reply *reply = rpc_client_rollout(client, bytes_of(name), ASK_TIMEOUT_NS);
        if (not_heard_of(reply, begin_ns)) {
            rpc_reply_free(reply);
            pause_for(pause_ms);
            continue;
        }
        if (reply == NULL || reply->status != RPC_STATUS_OK) {
            progress_end(shown);
            return client_refused(arguments, reply, name);
        }
        enum verdict verdict = judge(&reply->rollout, revision);
        bool overdue = loop_now_ns() >= end_ns;
        progress_text(&reply->rollout, text);
        progress_show(text, shown);
        if (verdict == VERDICT_WAIT && !overdue) {
            rpc_reply_free(reply);
            pause_for(pause_ms);
            continue;
        }
        progress_end(shown);
        int code = verdict == VERDICT_READY    ? EXIT_DONE
                   : verdict == VERDICT_FAILED ? failures_say(&reply->rollout, name)
                                               : overdue_say(&reply->rollout, name);
        if (code == EXIT_DONE) {
            result_take(&reply->rollout, ret_result);
        }
        rpc_reply_free(reply);
        return code;
    }
}
