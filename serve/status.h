/* What others see of an instance: probes, metrics, the ports file. Loop thread only. A part of serve/instance.h, which
 * includes it. */
#ifndef STEAD_SERVE_STATUS_H
#define STEAD_SERVE_STATUS_H

#include "adapters/cloudevents/cloudevents.h"
#include "adapters/http/http.h"
#include "adapters/metrics/metrics.h"
#include "core/core.h"

struct instance;
struct function_side;
struct worker_side;

/* status.c's own: what the HTTP server refers to. */
struct status {
    struct http_check checks[3];
    struct http_probe live, ready;
    struct http_route routes[3];
    struct metrics_series *grpc_calls;                                                   /* admission to answer */
    struct metrics_series *events[2][CLOUDEVENTS_BARE + 1][2], *published[EFFECT_COUNT]; /* NULL: none yet */
};

/* status.c: probes, metrics, the ports file */
bool status_start(struct instance *instance, char *ret_error, size_t error_size);
void status_check_ready(struct instance *instance);
/* Counts a result that is being stored, once per delivery. */
void status_count_result(struct instance *instance, const struct effect *effect);
/* Counts a request of "language/name" that was cancelled from here. */
void status_count_cancelled(struct instance *instance, const char *function);
/* Counts what became of a delivery that did not succeed. */
void status_count_cause(struct instance *instance, struct handle function, enum cause cause);
void status_measure_start(struct instance *instance, struct worker_side *worker);
void status_measure_execution(struct instance *instance, struct worker_side *worker);
void status_stop(struct instance *instance);

/* status_queues.c: the queue group of a language, all its functions together. */
struct queue_group {
    uint32_t functions;
    uint64_t messages, limit;        /* as the broker counted last; how many may be queued, of all groups together */
    uint64_t in_hand, ended, failed; /* on this instance; failed: those of the ended that did not succeed */
    int64_t oldest_ns;               /* age of the oldest; 0: there is none, or it can't be told */
    int64_t ended_wall_ns;           /* when one last ended here; 0: never */
};
void status_group(const struct instance *instance, const char *language, struct queue_group *ret_group);

/* status_traffic.c: what goes through. `problem` NULL: the event is good; else a reason of a bounded set. */
enum transport { TRANSPORT_GRPC, TRANSPORT_NATS };
void status_count_event(struct instance *instance, enum transport transport, enum cloudevents_mode mode,
                        const char *problem);
void status_count_rejected(struct instance *instance, const struct function_side *function, const char *reason);
void status_count_redelivery(struct instance *instance, const char *language);
void status_count_death(struct instance *instance, const struct function_side *function, enum reason reason);
void status_count_nats_error(struct instance *instance, const char *kind);
void status_measure_wait(struct instance *instance, const struct worker_side *worker, int64_t stored_wall_ns);
void status_measure_published(struct instance *instance, enum effect_kind kind, uint64_t sent_ns);
void status_measure_traffic(struct instance *instance);

#endif
