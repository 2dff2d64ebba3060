/* A function that is a witness: it writes down each of its executions, so that what ran is known without asking
 * Stead. One line at the start and one at the end, each by one write() to a file opened for appending; a start
 * without an end is a process that died. The clock is the machine's monotonic one, as the driver's.
 *
 * What it does is in the event's data, words of name=number: sleep (ms), fail (so many tries fail first), reject,
 * throttle (so many tries), crash (so many tries), exit (as crash, with a status and a last word), hang, eat (MiB),
 * size (bytes of the answer). It answers with its request, its try and 16 fresh random bytes, so that no two executions
 * can pass for one. */
#include <stead/plugin.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define TAG "A" /* Of this version; the driver deploys others. */

enum { LINE_BYTES = 512, ANSWER_BYTES_MAX = 512 * 1024, ID_BYTES = 130, RANDOM_BYTES = 16, EATEN_MAX = 1024 };

static int witness = -1;
static unsigned long number;

static uint64_t digest(const char *bytes, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t at = 0; at < length; at++) {
        hash = (hash ^ (unsigned char)bytes[at]) * 0x100000001b3u;
    }
    return hash;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What can't be written down must not happen: a full disk would look like a lost execution. */
static void write_line(const char *op, const char *id, uint32_t attempt, const char *key, uint64_t hash)
{
    char line[LINE_BYTES];
    int length = snprintf(
        line, sizeof line,
        "{\"t\":%" PRIu64 ",\"pid\":%d,\"parent\":%d,\"op\":\"%s\",\"n\":%lu,\"id\":\"%s\",\"fn\":\"%s\","
        "\"tag\":\"" TAG "\",\"try\":%u,\"%s\":\"%016" PRIx64 "\"}\n",
        now_ns(), (int)getpid(), (int)getppid(), op, number, id, getenv("WITNESS_FUNCTION"), attempt, key, hash);
    if (write(witness, line, (size_t)length) != length) {
        abort();
    }
}

/* The number behind `name=` in the data; 0 if it isn't there. */
static long wish(const char *data, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(data, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == data || at[-1] == ' ') && at[length] == '=') {
            return strtol(at + length + 1, NULL, 10);
        }
    }
    return 0;
}

static void sleep_ms(long ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

/* Fills so much memory, one MiB after the other; ends the process when there is none. */
static void eat(long mebibytes)
{
    static unsigned char *eaten[EATEN_MAX];
    for (long at = 0; at < mebibytes && at < EATEN_MAX; at++) {
        eaten[at] = malloc(1 << 20);
        if (eaten[at] == NULL) {
            abort();
        }
        memset(eaten[at], (int)at + 1, 1 << 20);
    }
}

static stead_status answer(stead_ctx *ctx, const char *id, uint32_t attempt, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char random[RANDOM_BYTES];
    if (getrandom(random, sizeof random, 0) != sizeof random) {
        abort();
    }
    size_t room = size < LINE_BYTES ? LINE_BYTES : size;
    char *text = stead_alloc(ctx, room + 1);
    if (text == NULL) {
        abort();
    }
    int length = snprintf(text, room, "%s %u ", id, attempt);
    for (size_t at = 0; at < sizeof random; at++) {
        text[length++] = hex[random[at] >> 4];
        text[length++] = hex[random[at] & 15];
    }
    while ((size_t)length < size) {
        text[length++] = '.';
    }
    write_line("ok", id, attempt, "dig", digest(text, (size_t)length));
    return stead_reply(ctx, "chaos.work.v1", "text/plain", text, (size_t)length);
}

static stead_status fail(stead_ctx *ctx, const char *id, uint32_t attempt, stead_status status)
{
    write_line("fail", id, attempt, "why", (uint64_t)status);
    return stead_fail(ctx, status, "as the event wished");
}

static stead_status execute(stead_ctx *ctx, const stead_event *event)
{
    stead_bytes data = stead_event_data(event), request = stead_request_id(ctx);
    char wishes[LINE_BYTES] = "", id[ID_BYTES] = "";
    memcpy(wishes, data.n == 0 ? "" : data.p, data.n < sizeof wishes ? data.n : sizeof wishes - 1);
    memcpy(id, request.p, request.n < sizeof id ? request.n : sizeof id - 1);
    uint32_t attempt = stead_attempt(ctx);
    number++;
    write_line("invoke", id, attempt, "in", digest(data.p, data.n));
    eat(wish(wishes, "eat"));
    if (wish(wishes, "hang") >= (long)attempt) {
        sleep_ms(3600 * 1000);
    }
    sleep_ms(wish(wishes, "sleep"));
    if (wish(wishes, "crash") >= (long)attempt) {
        abort();
    }
    if (wish(wishes, "exit") >= (long)attempt) {
        fprintf(stderr, "my last word on %s\n", id);
        exit(3);
    }
    if (wish(wishes, "reject") != 0) {
        return fail(ctx, id, attempt, STEAD_REJECT);
    }
    if (wish(wishes, "throttle") >= (long)attempt) {
        stead_retry_after_ms(ctx, 50);
        return fail(ctx, id, attempt, STEAD_THROTTLE);
    }
    if (wish(wishes, "fail") >= (long)attempt) {
        return fail(ctx, id, attempt, STEAD_RETRY);
    }
    long size = wish(wishes, "size");
    return answer(ctx, id, attempt, size > ANSWER_BYTES_MAX ? ANSWER_BYTES_MAX : (size_t)size);
}

static stead_status initialize(stead_ctx *ctx)
{
    const char *path = getenv("WITNESS");
    witness = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    return witness < 0 ? stead_fail(ctx, STEAD_REJECT, "no witness file") : STEAD_OK;
}

static const stead_plugin plugin = { .abi = STEAD_ABI, .name = "work", .execute = execute, .initialize = initialize };

int main(int argc, char **argv)
{
    return stead_main(argc, argv, &plugin);
}
