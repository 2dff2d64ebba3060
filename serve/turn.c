/* One turn of the core: an input in, its effects performed in order. Inputs that arise while effects are performed (a
 * publish that can't be sent, say) wait in a queue and are stepped right after, so that steps never nest. */
#include "serve/instance.h"
#include "serve/recorder.h"

enum { TICKS_PER_TURN_MAX = 64, ANSWERS_NS_MAX = 2000000000, ANSWERS_LOOK_NS = 10000000 };

struct input instance_input(const struct instance *instance, enum input_kind kind)
{
    return (struct input){ .kind = (uint8_t)kind, .epoch = bus_epoch(instance->bus) };
}

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void step(struct instance *instance, struct input *input)
{
    input->now_ns = loop_now_ns();
    input->wall_ns = input->kind == INPUT_TICK ? 0 : wall_ns();
    recorder_input(instance, input);
    core_step(instance->core, input, instance->effects);
    for (uint32_t i = 0; i < instance->effects->count; i++) {
        instance_perform(instance, &instance->effects->list[i]);
    }
}

static void queue_push(struct instance *instance, const struct input *input)
{
    if (instance->queue_count == SERVE_QUEUE_MAX) {
        stead_panic(__FILE__, __LINE__, "the queue of caused inputs is full");
    }
    instance->queue[(instance->queue_head + instance->queue_count++) % SERVE_QUEUE_MAX] = *input;
}

void instance_feed(struct instance *instance, struct input *input)
{
    if (instance->stepping) {
        queue_push(instance, input);
        return;
    }
    instance->stepping = true;
    step(instance, input);
    while (instance->queue_count > 0) {
        struct input next = instance->queue[instance->queue_head];
        instance->queue_head = (instance->queue_head + 1) % SERVE_QUEUE_MAX;
        instance->queue_count--;
        step(instance, &next);
    }
    instance->stepping = false;
}

/* Nothing runs any more; calls that came in meanwhile are still to be refused, and answers to leave. */
static bool answered(const struct instance *instance)
{
    struct rpc_server_counters counters;
    rpc_server_counters(instance->rpc, &counters);
    return counters.in_flight == 0 || loop_now_ns() - instance->stopped_ns > ANSWERS_NS_MAX;
}

/* End of a loop turn: whatever is due now, then the timer for what is due next. */
void instance_turn(void *owner)
{
    struct instance *instance = owner;
    for (uint32_t i = 0; i < TICKS_PER_TURN_MAX; i++) {
        if (core_next_deadline(instance->core) > loop_now_ns()) {
            break;
        }
        struct input tick = instance_input(instance, INPUT_TICK);
        instance_feed(instance, &tick);
    }
    status_check_ready(instance);
    if (instance->stopped && answered(instance)) {
        loop_stop(instance->loop);
        return;
    }
    uint64_t next = core_next_deadline(instance->core), now = loop_now_ns();
    if (instance->stopped && next > now + ANSWERS_LOOK_NS) {
        next = now + ANSWERS_LOOK_NS;
    }
    if (next == CORE_NEVER) {
        loop_timer_disarm(instance->deadline);
    } else if (next <= now) {
        loop_again(instance->loop);
    } else {
        loop_timer_arm(instance->deadline, next - now);
    }
}
