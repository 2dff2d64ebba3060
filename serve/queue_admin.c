/* The admin service's view of queues, and the pause: a member of the function's record; every instance follows it. */
#include "serve/queues.h"
#include "serve/versions.h"

#include <stdlib.h>
#include <string.h>

/* -- what is queued ------------------------------------------------------------------------------------------------ */

/* -1: not known. */
static int64_t age_ms(const struct instance *instance, int64_t stored_wall_ns)
{
    uint64_t age_ns;
    return provision_age_ns(instance, stored_wall_ns, &age_ns) ? (int64_t)(age_ns / 1000000) : -1;
}

static const struct queue_seen *seen_of(const struct queues_job *job, const struct record *record)
{
    for (size_t i = 0; i < job->count; i++) {
        if (strcmp(job->list[i].name, record->name) == 0 && strcmp(job->list[i].language, record->language) == 0) {
            return &job->list[i];
        }
    }
    return NULL;
}

static struct rpc_queue queue_show(const struct queues_job *job, const struct function_side *side)
{
    const struct instance *instance = job->instance;
    const struct queue_seen *seen = seen_of(job, &side->record);
    struct core_queue queue = { .takes = 0 };
    struct core_concurrency load = { .running = 0 };
    core_queue(instance->core, key_of_text(instance, bytes_of(side->row)), &queue);
    core_concurrency(instance->core, side->handle, &load);
    uint64_t all = (uint64_t)instance->config->queue_pending_max, own = side->record.pending_max;
    return (struct rpc_queue){ .name = bytes_of(side->record.name),
                               .language = bytes_of(side->record.language),
                               .messages = seen == NULL ? 0 : seen->messages,
                               .oldest_ms = seen == NULL ? -1 : age_ms(instance, seen->stored_wall_ns),
                               .pending_max = own != 0 && own < all ? own : all,
                               .takers = (seen == NULL ? 0 : seen->takers) + queue.takes,
                               .in_hand = queue.in_hand,
                               .bytes = seen == NULL ? 0 : queue.size,
                               .bytes_max = (uint64_t)side->record.bytes_max,
                               .age_ms_max = side->record.age_ns_max / 1000000,
                               .running = load.running,
                               .concurrency_limit = load.limit != 0 ? load.limit : load.limit_max,
                               .concurrency_max = load.limit_max,
                               .processed_unix_ms = side->ended_wall_ns / 1000000,
                               .paused = side->record.paused,
                               .unknown = side->stray };
}

static int by_name(const void *a, const void *b)
{
    const struct rpc_queue *one = a, *other = b;
    size_t length = one->name.length < other->name.length ? one->name.length : other->name.length;
    int order = memcmp(one->name.at, other->name.at, length);
    return order != 0 ? order : (one->name.length > other->name.length) - (one->name.length < other->name.length);
}

void queues_answer(const struct queues_job *job, bool cancelled)
{
    struct instance *instance = job->instance;
    if (cancelled) {
        admin_shutting_down(instance, job->rpc_id);
        return;
    }
    if (!job->good) {
        admin_status(instance, job->rpc_id, RPC_STATUS_UNAVAILABLE, reason_name(REASON_NATS_UNAVAILABLE),
                     job->error.text);
        return;
    }
    struct rpc_queue *queues = calloc(SERVE_FUNCTIONS_MAX, sizeof *queues);
    struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_QUEUES, .queues = queues };
    for (uint32_t i = 0; queues != NULL && i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && side->state != FUNCTION_RETIRING && !row_is_route(side->row)) {
            queues[answer.queue_count++] = queue_show(job, side);
        }
    }
    if (answer.queue_count > 0) {
        qsort(queues, answer.queue_count, sizeof *queues, by_name);
    }
    rpc_server_answer(instance->rpc, &answer);
    free(queues);
}

/* -- the pause ----------------------------------------------------------------------------------------------------- */

struct pause_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct record record;
    bool paused, good;
    struct record_refusal refusal;
    struct broker_error error;
};

static void pause_run(void *argument)
{
    struct pause_job *job = argument;
    struct broker *broker = jobs_broker(job->instance, &job->error);
    enum broker_status status = broker == NULL ? job->error.status : record_read(broker, &job->record, &job->error);
    if (status != BROKER_OK) {
        job->refusal = record_unread(status, &job->error);
        return;
    }
    if (job->record.paused != job->paused) {
        job->record.paused = job->paused;
        status = record_write(broker, &job->record, job->record.revision, &job->error);
    }
    job->good = status == BROKER_OK;
    job->refusal = record_refused(status, &job->error);
}

static void pause_done(void *argument, bool cancelled)
{
    struct pause_job *job = argument;
    if (cancelled) {
        admin_shutting_down(job->instance, job->rpc_id);
    } else if (!job->good) {
        admin_status(job->instance, job->rpc_id, job->refusal.status, job->refusal.reason, job->refusal.text);
    } else {
        struct rpc_queue queue = { .name = bytes_of(job->record.name),
                                   .language = bytes_of(job->record.language),
                                   .oldest_ms = -1,
                                   .pending_max = job->record.pending_max,
                                   .paused = job->record.paused };
        struct rpc_answer answer = { .id = job->rpc_id, .kind = RPC_ANSWER_QUEUES, .queues = &queue, .queue_count = 1 };
        rpc_server_answer(job->instance->rpc, &answer);
        jobs_records(job->instance, true);
    }
    free(job);
}

void queue_pause(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    struct pause_job *job = side == NULL ? NULL : calloc(1, sizeof *job);
    if (side == NULL) {
        return;
    }
    if (job != NULL) {
        *job = (struct pause_job){
            .instance = instance, .rpc_id = request->id, .record = side->record, .paused = request->now
        };
    }
    if (job == NULL || !control_submit(instance->control, pause_run, pause_done, job)) {
        admin_busy(instance, request->id);
        free(job);
    }
}
