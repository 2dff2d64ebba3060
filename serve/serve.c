/* Starts an instance, lets it run, and takes it down in the order that loses nothing: new calls are refused, what runs
 * finishes, results are stored and answered, then connections and processes end. */
#include "serve/jobs.h"
#include "serve/recorder.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    EXIT_UNAVAILABLE = 69,
    EXIT_CONFIGURATION = 78,
    CLOCK_TICKS = 10,
    HEALTH_TICKS = 5,
    TICK_NS = 1000000000,
    HOUSEKEEPING_NS = 50000000,
    CLOSING_GRACE_NS = 1000000000,
    MMAP_BYTES_MIN = 128 << 10,
    TRIM_BYTES_MIN = 4 << 20,
    ARENAS_MAX = 2,
};

static struct loop_wake *signalled; /* The only global: a signal handler has no argument. */
static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
    loop_wake_signal(signalled);
}

static void instance_signalled(void *owner)
{
    struct instance *instance = owner;
    if (signals_seen > 1 && instance->draining) {
        log_warn("system.service", "second signal, ending at once");
        loop_stop(instance->loop);
        return;
    }
    if (signals_seen == 0 || instance->draining) {
        return;
    }
    instance->draining = true;
    log_info("system.service", "shutting down",
             LOG_SECONDS("grace_s", (uint64_t)instance->config->service_shutdown_grace_ns));
    rpc_server_serving(instance->rpc, false);
    rpc_server_drain(instance->rpc);
    struct input drain = instance_input(instance, INPUT_DRAIN);
    drain.as.drain.grace_ns = (uint64_t)instance->config->service_shutdown_grace_ns;
    instance_feed(instance, &drain);
}

/* What others are to know of us, and functions that are to go: more often than the tick while there is something. */
static void instance_housekeeping(void *owner)
{
    struct instance *instance = owner;
    registry_tick(instance);
    if (removal_tick(instance) || instance->registry_due_ns != 0) {
        loop_timer_arm(instance->housekeeping, HOUSEKEEPING_NS);
    }
}

static void instance_tick(void *owner)
{
    struct instance *instance = owner;
    instance->ticks++;
    loop_timer_arm(instance->tick, TICK_NS);
    if (!instance->link_fed) {
        return;
    }
    instance_housekeeping(instance);
    if (instance->ticks % HEALTH_TICKS == 0) {
        lifecycle_health(instance);
    }
    if (control_pending(instance->control) < 8) {
        jobs_records(instance, false);
        queues_look(instance);
        if (instance->ticks % CLOCK_TICKS == 0) {
            provision_sample_clock(instance);
        }
    }
}

static void instance_provision_again(void *owner)
{
    provision_start(owner);
}

static void instance_deadline(void *owner)
{
    (void)owner; /* The turn's hook looks at the core's deadline; this only ends the wait. */
}

static void rpc_woken(void *owner)
{
    loop_wake_signal(((struct instance *)owner)->rpc_wake);
}

static bool core_start(struct instance *instance)
{
    struct limits limits = { .calls_max = SERVE_CALLS_MAX,
                             .deliveries_max = SERVE_DELIVERIES_MAX,
                             .functions_max = SERVE_FUNCTIONS_MAX,
                             .workers_max = SERVE_WORKERS_MAX,
                             .slots = (uint32_t)instance->config->service_slots };
    struct settings settings = reload_settings(instance->config);
    uint64_t seed[2];
    size_t size = (core_size(&limits) + 15) & ~(size_t)15;
    void *memory = aligned_alloc(16, size);
    if (memory == NULL || getrandom(seed, sizeof seed, 0) != sizeof seed) {
        return false;
    }
    instance->hash_seed = seed[1];
    instance->core = core_init(memory, &limits, &settings, seed[0]);
    recorder_start(instance, &limits, &settings, seed[0]);
    instance->effects = calloc(1, sizeof *instance->effects);
    instance->queue = calloc(SERVE_QUEUE_MAX, sizeof *instance->queue);
    instance->calls = calloc(SERVE_CALLS_MAX, sizeof *instance->calls);
    instance->pending_calls = calloc(SERVE_CALLS_MAX, sizeof *instance->pending_calls);
    instance->pending_deliveries = calloc(SERVE_DELIVERIES_MAX, sizeof *instance->pending_deliveries);
    instance->functions = calloc(SERVE_FUNCTIONS_MAX, sizeof *instance->functions);
    instance->workers = calloc(SERVE_WORKERS_MAX, sizeof *instance->workers);
    instance->ran = calloc(SERVE_DELIVERIES_MAX, sizeof *instance->ran);
    instance->waits = calloc(SERVE_WAITS_MAX, sizeof *instance->waits);
    instance->blobs = blob_store_create(4 * SERVE_DELIVERIES_MAX, (size_t)instance->config->limits_buffer_bytes);
    return instance->effects != NULL && instance->queue != NULL && instance->calls != NULL &&
           instance->pending_calls != NULL && instance->pending_deliveries != NULL && instance->functions != NULL &&
           instance->workers != NULL && instance->ran != NULL && instance->waits != NULL && instance->blobs != NULL;
}

static void core_stop(struct instance *instance)
{
    recorder_stop(instance);
    HASH_CLEAR(hh, instance->calls_by_rpc);
    functions_stop(instance);
    blob_store_free(instance->blobs);
    free(instance->effects);
    free(instance->queue);
    free(instance->calls);
    free(instance->pending_calls);
    free(instance->pending_deliveries);
    free(instance->functions);
    free(instance->workers);
    for (uint32_t row = 0; instance->ran != NULL && row < SERVE_DELIVERIES_MAX; row++) {
        death_drop(&instance->ran[row].death);
    }
    free(instance->ran);
    free(instance->waits);
    free(instance->core);
}

static bool loop_start(struct instance *instance)
{
    return loop_create(&instance->loop) == 0 &&
           loop_timer_create(instance->loop, instance_deadline, instance, &instance->deadline) == 0 &&
           loop_timer_create(instance->loop, instance_tick, instance, &instance->tick) == 0 &&
           loop_timer_create(instance->loop, instance_provision_again, instance, &instance->provision_again) == 0 &&
           loop_timer_create(instance->loop, instance_housekeeping, instance, &instance->housekeeping) == 0 &&
           loop_wake_create(instance->loop, calls_receive, instance, &instance->rpc_wake) == 0 &&
           loop_wake_create(instance->loop, instance_signalled, instance, &instance->signal_wake) == 0 &&
           loop_turn_add(instance->loop, LOOP_TURN_DECIDE, instance_turn, instance) == 0;
}

static bool rpc_start(struct instance *instance, char *ret_error, size_t error_size)
{
    const struct config *config = instance->config;
    uint32_t in_flight =
        config->grpc_in_flight_max < RPC_IN_FLIGHT_MAX ? (uint32_t)config->grpc_in_flight_max : RPC_IN_FLIGHT_MAX;
    struct rpc_server_options options = { .listen = config->grpc_listen.items,
                                          .listen_count = config->grpc_listen.count,
                                          .in_flight_max = in_flight,
                                          .connections_max = (uint32_t)config->grpc_connections_max,
                                          .event_bytes_max = (size_t)config->limits_event_bytes,
                                          /* The core caps by grpc.maxDeadline, which may change. */
                                          .deadline_ns_max = config->results_retention_ns,
                                          .body_ns_max = config->grpc_body_timeout_ns,
                                          .calls_per_connection_max = (uint32_t)config->grpc_calls_per_connection_max,
                                          .keepalive_ns = config->grpc_keepalive_ns,
                                          .keepalive_timeout_ns = config->grpc_keepalive_timeout_ns,
                                          /* 0 would take the adapter's default; a nanosecond allows any pings */
                                          .ping_interval_ns_min = config->grpc_ping_interval_ns_min > 0
                                                                      ? config->grpc_ping_interval_ns_min
                                                                      : 1,
                                          .connection_age_ns_max = config->grpc_connection_age_ns_max,
                                          .reflection = config->grpc_reflection,
                                          .wake = rpc_woken,
                                          .owner = instance };
    instance->rpc = rpc_server_start(&options, ret_error, error_size);
    return instance->rpc != NULL;
}

static bool bus_start(struct instance *instance, char *ret_error, size_t error_size)
{
    char answers[160];
    snprintf(answers, sizeof answers, "%s*", instance->answer_prefix);
    struct bus_options options = { .endpoint = { .urls = instance->nats_url,
                                                 .name = instance->config->nats_name,
                                                 .inbox_prefix = instance->inbox,
                                                 .credentials_file = instance->config->nats_credentials,
                                                 .tls_ca_file = instance->config->nats_tls_ca,
                                                 .tls_certificate_file = instance->config->nats_tls_certificate,
                                                 .tls_key_file = instance->config->nats_tls_key } };
    const char *error = "subjects refused";
    instance->bus = bus_create(instance->loop, &options, &instance_bus_callbacks, instance, &error);
    if (instance->bus == NULL || !bus_subscribe(instance->bus, answers, TAG_ANSWERS) ||
        !bus_subscribe(instance->bus, "function.cancel.*", TAG_CANCELS) ||
        !bus_subscribe(instance->bus, "function.release.*", TAG_RELEASES) ||
        !bus_subscribe(instance->bus, "$KV." BROKER_BUCKET_CONFIG ".>", TAG_RECORDS)) {
        snprintf(ret_error, error_size, "nats: %s", error);
        return false;
    }
    return true;
}

static bool plugins_start(struct instance *instance, char *ret_error, size_t error_size)
{
    instance->oom_kills_seen = death_oom_kills();
    struct plugin_host_options options = { .result_bytes_max = (uint32_t)instance->config->limits_result_bytes,
                                           .instance = instance->name };
    int error = plugin_host_create(instance->loop, instance->options->spawner, &options, workers_event, instance,
                                   &instance->plugins);
    if (error != 0) {
        snprintf(ret_error, error_size, "plugins: %s", strerror(-error));
    }
    return error == 0;
}

static void signals_start(struct instance *instance)
{
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    signalled = instance->signal_wake;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int instance_start(struct instance *instance)
{
    char error[512] = "out of memory or descriptors";
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    instance->started_unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    surroundings_name(instance);
    surroundings_sdk(instance);
    if (!surroundings_folders(instance)) {
        return EXIT_CONFIGURATION;
    }
    surroundings_toolchains(instance);
    if (core_start(instance) && loop_start(instance) && plugins_start(instance, error, sizeof error) &&
        status_start(instance, error, sizeof error) && reload_start(instance) &&
        rpc_start(instance, error, sizeof error)) {
        instance->control = control_start(instance->loop, "control");
        instance->builders = control_start(instance->loop, "builds");
        if (instance->control != NULL && instance->builders != NULL && bus_start(instance, error, sizeof error)) {
            signals_start(instance);
            loop_timer_arm(instance->tick, TICK_NS);
            return 0;
        }
    }
    fprintf(stderr, "stead: cannot start: %s\n", error);
    return EXIT_UNAVAILABLE;
}

static void instance_stop(struct instance *instance)
{
    instance->leaving = true;
    control_stop(instance->control);
    instance->control = NULL; /* What builds end with may want to submit to it. */
    control_stop(instance->builders);
    broker_close(instance->build_broker);
    broker_close(instance->broker);
    records_free(instance->records);
    rpc_server_stop(instance->rpc, CLOSING_GRACE_NS);
    plugin_host_free(instance->plugins);
    if (instance->bus != NULL) {
        bus_destroy(instance->bus);
    }
    reload_stop(instance);
    status_stop(instance);
    if (instance->loop != NULL) {
        loop_turn_remove(instance->loop, LOOP_TURN_DECIDE, instance_turn, instance);
        struct loop_timer *const timers[] = { instance->deadline, instance->tick, instance->provision_again,
                                              instance->housekeeping };
        for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
            loop_timer_free(timers[i]);
        }
        loop_wake_free(instance->rpc_wake);
        loop_wake_free(instance->signal_wake);
        loop_free(instance->loop);
    }
    core_stop(instance);
}

/* Large buffers go back to the system as soon as they are freed. By itself glibc learns from the first large free to
 * keep all up to 32 MiB in its heaps, one for each thread: after an attack the service stayed at 300 MB. */
static void memory_frugal(void)
{
    mallopt(M_MMAP_THRESHOLD, MMAP_BYTES_MIN);
    mallopt(M_TRIM_THRESHOLD, TRIM_BYTES_MIN);
    mallopt(M_ARENA_MAX, ARENAS_MAX);
}

int serve_run(const struct serve_options *options)
{
    memory_frugal();
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL) {
        fprintf(stderr, "stead: out of memory\n");
        return EXIT_UNAVAILABLE;
    }
    instance->options = options;
    instance->config = options->config;
    int code = instance_start(instance);
    if (code == 0) {
        loop_run(instance->loop);
        code = instance->exit_code;
        log_info("system.service", "stopped", LOG_BOOL("drained", instance->stopped));
    }
    instance_stop(instance);
    free(instance);
    return code;
}
