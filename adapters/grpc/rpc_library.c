/* What server and client share of gRPC itself: its life, its clock, its log.
 *
 * grpc_init() and grpc_shutdown() count by themselves, but the clean-up after the last shutdown runs on a thread of
 * gRPC's. A process that exits meanwhile looks like a leak, so the last release waits for it. */
#include "adapters/grpc/rpc_library.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <grpc/grpc.h>
#include <grpc/support/log.h>

#include "adapters/grpc/rpc.h"

enum { LOG_LINES_PER_SECOND = 10, CLEANUP_WAIT_MS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static void (*_Atomic log_sink)(const char *text);
static _Atomic int64_t log_second;
static _Atomic unsigned log_lines;

const char *rpc_status_name(int status)
{
    switch (status) {
#define RPC_STATUS_CASE(name, number)                                                                                  \
    case number:                                                                                                       \
        return #name;
        RPC_STATUSES(RPC_STATUS_CASE)
#undef RPC_STATUS_CASE
    default:
        return "UNKNOWN";
    }
}

void rpc_log_to(void (*sink)(const char *text))
{
    atomic_store(&log_sink, sink);
}

/* A bad peer makes gRPC log one line per mistake, so lines are counted per second and the rest is dropped. */
static void log_line(gpr_log_func_args *line)
{
    void (*sink)(const char *text) = atomic_load(&log_sink);
    if (!sink || line->severity != GPR_LOG_SEVERITY_ERROR)
        return;
    int64_t second = rpc_now_ns() / 1000000000;
    if (atomic_exchange(&log_second, second) != second)
        atomic_store(&log_lines, 0);
    if (atomic_fetch_add(&log_lines, 1) < LOG_LINES_PER_SECOND)
        sink(line->message);
}

void rpc_library_acquire(void)
{
    pthread_mutex_lock(&lock);
    if (users++ == 0) {
        /* A client whose threads all wait between two attempts polls nothing, and its channels come back only by this
         * poller of gRPC's, every 5 s unless it is told otherwise; there is no other way to tell it. */
        setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "50", 0);
        gpr_set_log_function(log_line);
        grpc_init();
    }
    pthread_mutex_unlock(&lock);
}

void rpc_library_release(void)
{
    pthread_mutex_lock(&lock);
    if (--users == 0) {
        grpc_shutdown();
        for (int waited_ms = 0; waited_ms < CLEANUP_WAIT_MS && grpc_is_initialized(); waited_ms++)
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    pthread_mutex_unlock(&lock);
}

int64_t rpc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

gpr_timespec rpc_timespec(int64_t monotonic_ns)
{
    if (monotonic_ns == INT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    gpr_timespec time = { .tv_sec = monotonic_ns / 1000000000,
                          .tv_nsec = (int32_t)(monotonic_ns % 1000000000),
                          .clock_type = GPR_CLOCK_MONOTONIC };
    return time;
}

int64_t rpc_timespec_ns(gpr_timespec time)
{
    if (gpr_time_cmp(time, gpr_inf_future(time.clock_type)) == 0)
        return INT64_MAX;
    gpr_timespec monotonic = gpr_convert_clock_type(time, GPR_CLOCK_MONOTONIC);
    if (monotonic.tv_sec >= INT64_MAX / 1000000000)
        return INT64_MAX;
    return monotonic.tv_sec * 1000000000 + monotonic.tv_nsec;
}

struct bytes rpc_slice_bytes(const grpc_slice *slice)
{
    return (struct bytes){ GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice) };
}
