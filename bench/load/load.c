/* A closed loop of callers on one gRPC connection and one thread: each starts its next call as soon as its last is
 * answered. Works against anything that serves function.v1.FunctionService and gives back the data that it gets.
 *
 *     bench_load --address HOST:PORT --function NAME [--callers 1] [--seconds 5 | --calls N] [--warm-up 1]
 *                [--bytes 256]
 *
 * Every call is an event of its own, and its data hold its number; every answer is compared with what was sent. Only
 * calls that both start after the warm-up and end before the time is over count; what is under way then is waited for,
 * and checked as well. Prints one line of JSON. Exit code 1 if any call failed or any answer was wrong. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "adapters/grpc/rpc_client.h"
#include "bench/load/histogram.h"

enum { CALLERS_MAX = 1024, BYTES_MIN = 16, BYTES_MAX = 900 << 10, PROBLEM_BYTES = 300 };

static const uint64_t second_ns = 1000000000;
static const int64_t timeout_ns = 30ll * 1000000000;

struct options {
    const char *address, *function;
    uint32_t callers, bytes;
    uint64_t calls; /* 0: as many as fit into the time */
    double seconds, warm_up;
};

struct caller {
    uint64_t number; /* of the call that is under way */
    uint64_t started_ns;
};

struct load {
    struct options options;
    struct rpc_client *client;
    struct caller callers[CALLERS_MAX];
    struct event_buffer packed, message; /* reused */
    uint8_t *data;
    uint64_t run; /* random: ids of one run differ from those of another */
    uint64_t started, ended, wrong;
    uint64_t from_ns, until_ns; /* what counts */
    struct histogram times;
    char problem[PROBLEM_BYTES]; /* the first */
};

static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(2);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

/* The data of call `number`: its number, then letters. */
static struct bytes data_of(struct load *load, uint64_t number)
{
    char text[BYTES_MIN + 1];
    snprintf(text, sizeof text, "%016" PRIx64, number);
    memcpy(load->data, text, BYTES_MIN);
    return (struct bytes){ load->data, load->options.bytes };
}

static struct bytes event_of(struct load *load, uint64_t number)
{
    char id[40];
    uint8_t room[256];
    struct event_buffer block = { .at = room, .capacity = sizeof room, .limit = sizeof room };
    snprintf(id, sizeof id, "%08x-%" PRIx64, (uint32_t)load->run, number);
    event_buffer_attribute_text(&block, "specversion", "1.0");
    event_buffer_attribute_text(&block, "id", id);
    event_buffer_attribute_text(&block, "source", "stead:bench");
    event_buffer_attribute_text(&block, "type", "stead.bench.call.v1");
    event_buffer_attribute_text(&block, "datacontenttype", "application/octet-stream");
    load->packed.length = 0;
    event_pack(&load->packed, (struct event){ { block.at, block.length }, data_of(load, number) });
    return (struct bytes){ load->packed.at, load->packed.length };
}

static void start_call(struct load *load, struct caller *caller)
{
    caller->number = load->started++;
    struct rpc_query query = { .name = bytes_of(load->options.function),
                               .packed_event = event_of(load, caller->number) };
    load->message.length = 0;
    if (!rpc_client_encode(&query, &load->message)) {
        fail("a request could not be encoded");
    }
    caller->started_ns = clock_ns();
    struct bytes message = { load->message.at, load->message.length };
    if (!rpc_client_start(load->client, RPC_PATH_EXECUTE, message, timeout_ns, caller)) {
        fail("a call could not be started");
    }
}

static void note_wrong(struct load *load, const struct rpc_reply *reply)
{
    const struct bytes text = reply->function_failed ? reply->error : reply->message;
    if (load->wrong++ > 0) {
        return;
    }
    const char *status = reply->status == RPC_STATUS_OK ? "wrong answer" : rpc_status_name(reply->status);
    snprintf(load->problem, sizeof load->problem, "%s%s: %.*s %.*s", reply->function_failed ? "function error, " : "",
             status, (int)reply->reason.length, (const char *)reply->reason.at,
             text.length < 120 ? (int)text.length : 120, (const char *)text.at);
}

static void end_call(struct load *load, const struct caller *caller, const struct rpc_reply *reply)
{
    uint64_t now_ns = clock_ns();
    load->ended++;
    if (reply->status != RPC_STATUS_OK || reply->function_failed ||
        !bytes_equal(reply->data, data_of(load, caller->number))) {
        note_wrong(load, reply);
    } else if (caller->started_ns >= load->from_ns && now_ns <= load->until_ns) {
        histogram_add(&load->times, now_ns - caller->started_ns);
    }
}

static bool more_wanted(const struct load *load)
{
    if (load->wrong > 0 || (load->options.calls > 0 && load->started >= load->options.calls)) {
        return false;
    }
    return clock_ns() < load->until_ns;
}

/* Gives the time that counted. */
static double run(struct load *load)
{
    uint64_t begin_ns = clock_ns();
    load->from_ns = begin_ns + (uint64_t)(load->options.warm_up * 1e9);
    load->until_ns = load->options.calls > 0 ? UINT64_MAX : load->from_ns + (uint64_t)(load->options.seconds * 1e9);
    for (uint32_t i = 0; i < load->options.callers && more_wanted(load); i++) {
        start_call(load, &load->callers[i]);
    }
    void *tag;
    struct rpc_reply *reply;
    while (rpc_client_next(load->client, INT64_MAX, &tag, &reply)) {
        end_call(load, tag, reply);
        rpc_reply_free(reply);
        if (more_wanted(load)) {
            start_call(load, tag);
        }
    }
    uint64_t end_ns = clock_ns();
    end_ns = end_ns < load->until_ns ? end_ns : load->until_ns;
    return end_ns > load->from_ns ? (double)(end_ns - load->from_ns) / 1e9 : 0; /* a failure may end the warm-up */
}

static double quantile_us(const struct load *load, double share)
{
    return (double)histogram_quantile(&load->times, share) / 1e3;
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned char)*text);
        } else {
            putchar(*text);
        }
    }
    putchar('"');
}

static void report(const struct load *load, double seconds)
{
    uint64_t count = load->times.count;
    printf("{\"function\":\"%s\",\"callers\":%u,\"bytes\":%u,\"seconds\":%.3f,\"calls\":%" PRIu64
           ",\"all_calls\":%" PRIu64 ",\"wrong\":%" PRIu64 ",\"per_second\":%.1f",
           load->options.function, load->options.callers, load->options.bytes, seconds, count, load->ended, load->wrong,
           seconds > 0 ? (double)count / seconds : 0);
    printf(",\"mean_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
           "\"problem\":",
           count > 0 ? (double)load->times.sum / (double)count / 1e3 : 0, quantile_us(load, 0.5),
           quantile_us(load, 0.9), quantile_us(load, 0.99), quantile_us(load, 0.999), (double)load->times.most / 1e3);
    print_text(load->problem);
    printf("}\n");
}

static void option_read(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--address") == 0) {
        options->address = value;
    } else if (strcmp(name, "--function") == 0) {
        options->function = value;
    } else if (strcmp(name, "--callers") == 0) {
        options->callers = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--bytes") == 0) {
        options->bytes = (uint32_t)strtoul(value, NULL, 10);
    } else if (strcmp(name, "--calls") == 0) {
        options->calls = strtoull(value, NULL, 10);
    } else if (strcmp(name, "--seconds") == 0) {
        options->seconds = strtod(value, NULL);
    } else if (strcmp(name, "--warm-up") == 0) {
        options->warm_up = strtod(value, NULL);
    } else {
        fail("unknown option; see the head of bench/load/load.c");
    }
}

static struct options options_read(int argc, char **argv)
{
    struct options options = { .callers = 1, .bytes = 256, .seconds = 5, .warm_up = 1 };
    if (argc % 2 == 0) {
        fail("every option takes a value");
    }
    for (int i = 1; i + 1 < argc; i += 2) {
        option_read(&options, argv[i], argv[i + 1]);
    }
    if (!options.address || !options.function) {
        fail("--address and --function are needed");
    }
    if (options.callers == 0 || options.callers > CALLERS_MAX || options.bytes < BYTES_MIN ||
        options.bytes > BYTES_MAX) {
        fail("--callers is 1 to 1024, --bytes is 16 to 921600");
    }
    return options;
}

int main(int argc, char **argv)
{
    static struct load load;
    load.options = options_read(argc, argv);
    load.data = malloc(load.options.bytes);
    load.client = rpc_client_connect(load.options.address);
    if (!load.data || !load.client || getrandom(&load.run, sizeof load.run, 0) != sizeof load.run) {
        fail("no memory");
    }
    for (uint32_t i = 0; i < load.options.bytes; i++) {
        load.data[i] = (uint8_t)('a' + i % 26);
    }
    report(&load, run(&load));
    rpc_client_close(load.client);
    event_buffer_free(&load.packed);
    event_buffer_free(&load.message);
    free(load.data);
    return load.wrong > 0 || load.times.count == 0;
}
