/* Starts the parts and turns the loop: wait, read what is ready, take new calls from the gRPC thread, write once.
 *
 *     bench_baseline --nats URL [--grpc 127.0.0.1:0] [--children N] [--ports-file FILE]
 *
 * The file gets {"grpc": "127.0.0.1:PORT"} once calls are served. SIGTERM ends it on the spot: what it holds is not
 * worth a goodbye. */
#include "bench/baseline/baseline.h"

#include <errno.h>
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { SOURCE_WAKE, SOURCE_BROKER, SOURCE_CHILD, SOURCES_MAX = SOURCE_CHILD + CHILDREN_MAX };

struct options {
    const char *nats, *grpc, *ports_file;
    uint32_t children;
};

struct loop {
    int epoll, wake;
    bool blocked[SOURCES_MAX]; /* its socket did not take everything: wait for room */
    uint32_t children_count;
    struct ring calls;
    struct door *door;
    struct broker *broker;
    struct children *children;
};

void baseline_fail(const char *what)
{
    fprintf(stderr, "baseline: %s\n", what);
    _exit(1);
}

static void on_wake_needed(void *owner)
{
    const struct loop *loop = owner;
    uint64_t one = 1;
    if (write(loop->wake, &one, sizeof one) < 0 && errno != EAGAIN) {
        baseline_fail("the eventfd is broken");
    }
}

static void on_delivery(void *owner, uint32_t delivery, struct bytes data)
{
    const struct loop *loop = owner;
    children_execute(loop->children, delivery, data);
}

static void on_call_over(void *owner, struct call *call)
{
    const struct loop *loop = owner;
    door_answer(loop->door, call);
}

static void watch(struct loop *loop, int socket, uint32_t source, int how)
{
    struct epoll_event event = { .events = EPOLLIN | (loop->blocked[source] ? (uint32_t)EPOLLOUT : 0),
                                 .data.u32 = source };
    if (epoll_ctl(loop->epoll, how, socket, &event) != 0) {
        baseline_fail("epoll");
    }
}

static void flushed(struct loop *loop, int socket, uint32_t source, bool whole)
{
    if (loop->blocked[source] == whole) {
        loop->blocked[source] = !whole;
        watch(loop, socket, source, EPOLL_CTL_MOD);
    }
}

static void on_ready(struct loop *loop, uint32_t source, uint32_t events)
{
    uint64_t count;
    if ((events & ~(uint32_t)EPOLLOUT) == 0) {
        return; /* the end of the turn writes */
    }
    if (source == SOURCE_BROKER) {
        broker_read(loop->broker);
    } else if (source == SOURCE_WAKE) {
        if (read(loop->wake, &count, sizeof count) < 0 && errno != EAGAIN) {
            baseline_fail("the eventfd is broken");
        }
    } else if (!children_read(loop->children, source - SOURCE_CHILD, loop->broker)) {
        baseline_fail("a child is gone");
    }
}

static void flush(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->children_count; i++) {
        bool whole = children_flush(loop->children, i);
        flushed(loop, children_socket(loop->children, i), SOURCE_CHILD + i, whole);
    }
    flushed(loop, broker_socket(loop->broker), SOURCE_BROKER, broker_flush(loop->broker));
}

static void turn(struct loop *loop)
{
    struct epoll_event events[SOURCES_MAX];
    struct call *call;
    int wait_ms = ring_sleep(&loop->calls) ? -1 : 0;
    int count = epoll_wait(loop->epoll, events, SOURCES_MAX, wait_ms);
    ring_awake(&loop->calls);
    for (int i = 0; i < count; i++) {
        on_ready(loop, events[i].data.u32, events[i].events);
    }
    while ((call = ring_pop(&loop->calls))) {
        broker_submit(loop->broker, call);
    }
    flush(loop);
}

static void write_ports(const char *path, int port)
{
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (!file || fprintf(file, "{\"grpc\": \"127.0.0.1:%d\"}\n", port) < 0 || fclose(file) != 0 ||
        rename(temporary, path) != 0) {
        baseline_fail("the file of ports can't be written");
    }
}

static struct options options_read(int argc, char **argv)
{
    struct options options = { .nats = "nats://127.0.0.1:4222", .grpc = "127.0.0.1:0", .children = 1 };
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--nats") == 0) {
            options.nats = value;
        } else if (strcmp(argv[i], "--grpc") == 0) {
            options.grpc = value;
        } else if (strcmp(argv[i], "--ports-file") == 0) {
            options.ports_file = value;
        } else if (strcmp(argv[i], "--children") == 0) {
            options.children = (uint32_t)strtoul(value, NULL, 10);
        } else {
            baseline_fail("usage: bench_baseline --nats URL [--grpc ADDR] [--children N] [--ports-file FILE]");
        }
    }
    if (options.children == 0 || options.children > CHILDREN_MAX) {
        baseline_fail("--children: 1 to 16");
    }
    return options;
}

static void loop_start(struct loop *loop, const struct options *options)
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->children_count = options->children;
    loop->broker = broker_connect(options->nats, &(struct broker_owner){ on_delivery, on_call_over, loop });
    if (!ring_init(&loop->calls, CALLS_MAX, on_wake_needed, loop)) {
        baseline_fail("no memory");
    }
    watch(loop, loop->wake, SOURCE_WAKE, EPOLL_CTL_ADD);
    watch(loop, broker_socket(loop->broker), SOURCE_BROKER, EPOLL_CTL_ADD);
    for (uint32_t i = 0; i < options->children; i++) {
        watch(loop, children_socket(loop->children, i), SOURCE_CHILD + i, EPOLL_CTL_ADD);
    }
}

int main(int argc, char **argv)
{
    static struct loop loop;
    struct options options = options_read(argc, argv);
    int port = 0;
    loop.children = children_start(options.children);
    const char *problem = provision(options.nats);
    if (problem) {
        fprintf(stderr, "baseline: streams at %s: %s\n", options.nats, problem);
        return 1;
    }
    loop_start(&loop, &options);
    loop.door = door_open(options.grpc, &loop.calls, &port);
    if (!loop.door) {
        baseline_fail("the gRPC address can't be bound");
    }
    if (options.ports_file) {
        write_ports(options.ports_file, port);
    }
    for (;;) {
        turn(&loop);
    }
}
