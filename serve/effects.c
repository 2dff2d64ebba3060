/* The table effect -> adapter. Effects of a passed connection are dropped here, except an ack, whose token outlives its
 * connection. */
#include "serve/jobs.h"

#include <stdio.h>

typedef void perform(struct instance *instance, const struct effect *effect);

static void perform_worker(struct instance *instance, const struct effect *effect)
{
    uint32_t worker = effect->about.bits;
    struct worker_side *side = &instance->workers[handle_index(effect->about)];
    if (effect->kind != EFFECT_CANCEL && side->used && handle_equal(side->handle, effect->about)) {
        lifecycle_worker(instance, side, PHASE_UNREGISTERED);
    }
    switch (effect->kind) {
    case EFFECT_CANCEL:
        plugin_cancel(instance->plugins, worker, effect->stream);
        break;
    case EFFECT_STOP_WORKER:
        plugin_stop(instance->plugins, worker);
        break;
    default:
        plugin_kill(instance->plugins, worker);
    }
}

static void forget_delivery(struct instance *instance, const struct effect *effect)
{
    struct ran *ran = &instance->ran[handle_index(effect->about)];
    death_drop(&ran->death);
    *ran = (struct ran){ .worker = 0 };
    if (effect->cause != CAUSE_NONE) {
        status_count_cause(instance, effect->other, (enum cause)effect->cause);
    }
}

static void perform_forget(struct instance *instance, const struct effect *effect)
{
    switch (handle_table(effect->about)) {
    case TABLE_CALL:
        calls_forget(instance, effect->about);
        break;
    case TABLE_FUNCTION:
        functions_forget(instance, effect->about);
        break;
    case TABLE_WORKER:
        workers_forget(instance, effect->about);
        break;
    case TABLE_DELIVERY:
        forget_delivery(instance, effect);
        break;
    default:
        break;
    }
}

static void perform_drop(struct instance *instance, const struct effect *effect)
{
    blob_drop(instance->blobs, effect->blob.slot);
}

static void perform_disconnect(struct instance *instance, const struct effect *effect)
{
    const char *const labels[] = { disconnect_text((enum disconnect)effect->count) };
    log_warn("nats.conn", "the connection is renewed",
             LOG_TEXT("reason", disconnect_meaning((enum disconnect)effect->count)));
    metrics_add(metrics_series(instance->metrics, METRIC_STEAD_NATS_RENEWALS_TOTAL, labels), 1);
    bus_shutdown_socket(instance->bus);
}

static void perform_connect(struct instance *instance, const struct effect *effect)
{
    bus_connect(instance->bus, effect->amount);
}

static void perform_provision(struct instance *instance, const struct effect *effect)
{
    loop_timer_arm(instance->provision_again, effect->amount);
}

static void perform_state(struct instance *instance, const struct effect *effect)
{
    lifecycle_instance(instance, instance_state_name(effect->count));
    registry_changed(instance);
}

static void perform_stopped(struct instance *instance, const struct effect *effect)
{
    instance->stopped = true;
    instance->stopped_ns = loop_now_ns();
    registry_leave(instance);
}

static perform *const performers[EFFECT_COUNT] = {
    [EFFECT_PUBLISH_REQUEST] = bus_perform_request,
    [EFFECT_FETCH_RESULT] = bus_perform_fetch,
    [EFFECT_ADMIT] = calls_bind,
    [EFFECT_FIND_REQUEST] = find_perform,
    [EFFECT_PUBLISH_CANCELLED] = bus_perform_cancelled,
    [EFFECT_REMOVE_REQUEST] = bus_perform_remove,
    [EFFECT_ANNOUNCE_CANCEL] = bus_perform_announce,
    [EFFECT_REPLY] = calls_perform_reply,
    [EFFECT_PULL] = bus_perform_pull,
    [EFFECT_ACK] = bus_perform_token,
    [EFFECT_EXTEND] = bus_perform_token,
    [EFFECT_HAND_BACK] = bus_perform_token,
    [EFFECT_PUBLISH_RESULT] = bus_perform_result,
    [EFFECT_PUBLISH_DEAD] = bus_perform_dead,
    [EFFECT_ANSWER] = bus_perform_answer,
    [EFFECT_LEDGER_GET] = bus_perform_ledger,
    [EFFECT_LEDGER_PUT] = bus_perform_ledger,
    [EFFECT_BUILD] = functions_perform_build,
    [EFFECT_ENSURE_CONSUMER] = functions_perform_consumer,
    [EFFECT_RENEW_CONSUMER] = functions_perform_consumer,
    [EFFECT_DROP_CONSUMER] = functions_perform_consumer,
    [EFFECT_LEASE_PUT] = lease_perform,
    [EFFECT_LEASE_DROP] = lease_perform,
    [EFFECT_FUNCTION_STATE] = functions_perform_state,
    [EFFECT_START_WORKER] = workers_perform_start,
    [EFFECT_EXECUTE] = workers_perform_execute,
    [EFFECT_CANCEL] = perform_worker,
    [EFFECT_STOP_WORKER] = perform_worker,
    [EFFECT_KILL_WORKER] = perform_worker,
    [EFFECT_FORGET] = perform_forget,
    [EFFECT_DROP_BLOB] = perform_drop,
    [EFFECT_DISCONNECT] = perform_disconnect,
    [EFFECT_INSTANCE_STATE] = perform_state,
    [EFFECT_STOPPED] = perform_stopped,
    [EFFECT_QUARANTINE] = quarantine_perform,
    [EFFECT_CONNECT] = perform_connect,
    [EFFECT_PROVISION] = perform_provision,
    [EFFECT_WALK] = walk_perform,
};

void instance_perform(struct instance *instance, const struct effect *effect)
{
    if (effect->operation != 0) {
        pending_note(instance, effect);
    }
    performers[effect->kind](instance, effect);
}
