/* A function's consumer at the broker: made sure of on each connection, and looked at until nothing is left of what
 * the queue held when the connection came up.
 *
 * A nats-server 2.9 that is killed brings back messages that were acked just before, and its consumers remember
 * them as acked: nobody is ever given them, and they fill the queue until they are too old. Other consumers keep a
 * message that is gone as unacknowledged for ever. (Both were seen in the integration tests: 22 and 588 of 2,000
 * messages, and ghosts above the ack floor.) The first shows as more messages in the stream than the consumer has
 * waiting or under way, the other as fewer. Under load the counts never quite agree, since they are taken one after
 * the other; but then the oldest message, or the ack floor, moves on. What is seen three times in a row is so, and
 * the consumer is made anew: it delivers what is left again, and a stored result ends it. */
#include "core/banned.h"
#include "core/machine.h"

enum { RETRY_NS = 1000000000, SUSPICIONS = 3 };
#define LOOK_NS       UINT64_C(10000000000)
#define LOOK_AGAIN_NS UINT64_C(2000000000)

static void consumer_emit(struct core *core, uint32_t index, enum effect_kind kind)
{
    struct function *function = function_at(core, index);
    function->consumer_operation = operation_new(core, pool_handle(core, &core->functions, index));
    function->consumer_epoch = core->epoch;
    struct effect *ask = emit(core, kind);
    ask->operation = function->consumer_operation;
    ask->about = pool_handle(core, &core->functions, index);
}

void function_consumer_ask(struct core *core, uint32_t index)
{
    ASSERT(!function_at(core, index)->consumer_ready);
    function_at(core, index)->consumer_retry_ns = core->now_ns + RETRY_NS;
    consumer_emit(core, index, EFFECT_ENSURE_CONSUMER);
}

void consumer_ask_again(struct core *core, uint32_t index)
{
    ASSERT(function_at(core, index)->consumer_ready);
    consumer_emit(core, index, EFFECT_ENSURE_CONSUMER);
}

/* What is wrong, as a number that is the same as long as it is the same; 0: nothing. */
static uint64_t consumer_sign(const struct input *input)
{
    uint64_t first = input->as.consumer.first;
    uint64_t known = (uint64_t)input->as.consumer.waiting + input->as.consumer.ack_pending;
    bool orphan = first != 0 && input->as.consumer.messages_min > known;
    bool ghost = input->as.consumer.ack_pending > 0 && input->as.consumer.messages_max < known;
    return orphan ? first : ghost ? UINT64_MAX - input->as.consumer.floor : 0;
}

static void consumer_renew(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    function->suspect = 0;
    function->suspicions = 0;
    function->consumer_ready = false;
    function->consumer_retry_ns = core->now_ns + RETRY_NS;
    function_outstanding(core, index, 0);
    consumer_emit(core, index, EFFECT_RENEW_CONSUMER);
    function->renewed = (uint32_t)function->consumer_operation;
}

static void consumer_look(struct core *core, uint32_t index, const struct input *input)
{
    struct function *function = function_at(core, index);
    uint64_t sign = consumer_sign(input), first = input->as.consumer.first, held = function->held_from;
    function->suspicions = sign == 0 ? 0 : sign == function->suspect ? function->suspicions + 1 : 1;
    if (function->suspicions >= SUSPICIONS) {
        consumer_renew(core, index);
        return;
    }
    bool settled = input->as.consumer.ack_pending == 0 || input->as.consumer.floor >= held;
    function->suspect = sign;
    function->leftovers = sign != 0 || (first != 0 && first <= held) || !settled;
    function->look_ns = core->now_ns + (sign != 0 ? LOOK_AGAIN_NS : LOOK_NS);
}

void function_consumer_ready(struct core *core, uint32_t index, const struct input *input)
{
    struct function *function = function_at(core, index);
    if (function->consumer_operation != input->answers || function->consumer_epoch != core->epoch || !core->link_up) {
        return;
    }
    function->consumer_operation = 0;
    if (input->outcome != OUTCOME_DONE) {
        return; /* Asked again at consumer_retry_ns, or at look_ns. */
    }
    if (!function->consumer_ready) {
        function->consumer_ready = true;
        function->fresh_after = input->as.consumer.fresh_after;
        function->held_from = input->as.consumer.fresh_after;
        sweep_mark(core, index, input->as.consumer.fresh_after);
        function_came_up(core, index);
    }
    if (input->as.consumer.waiting == 0) {
        watch_held(core, function, input->as.consumer.ack_pending);
    }
    consumer_look(core, index, input);
    function_dirty(core, index);
}

void consumer_link_down(struct function *function)
{
    function->consumer_ready = false;
    function->consumer_operation = 0;
    function->consumer_retry_ns = 0;
    function->leftovers = false;
    function->suspect = 0;
    function->suspicions = 0;
}

uint64_t consumer_attend(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (!function->consumer_ready || !function->leftovers) {
        return CORE_NEVER;
    }
    if (function->look_ns <= core->now_ns) {
        function->look_ns = core->now_ns + LOOK_NS;
        consumer_emit(core, index, EFFECT_ENSURE_CONSUMER);
    }
    return function->look_ns;
}
