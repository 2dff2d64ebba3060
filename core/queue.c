/* What is known of a function's queue, and whether the door may let more in. The broker's figures come about once a
 * second; what our own door lets in, and what is settled here, is counted on top. How many bytes are queued nobody
 * counts: it is taken for the number of messages times the average of those seen here, of which each new one is a
 * sixteenth. Until one was seen the mean of the whole stream stands for it. */
#include "core/banned.h"
#include "core/machine.h"

enum { SIXTEENTHS = 16 };
#define SEEN_NS UINT64_C(5000000000) /* an age that nobody looked at for so long is not believed */

void queue_seen(struct core *core, struct function *function, const struct input *input)
{
    function->messages = input->as.queue.messages;
    if (input->as.queue.oldest_ns != OLDEST_UNKNOWN) {
        function->oldest_ns = input->as.queue.oldest_ns;
        function->seen_ns = core->now_ns;
    }
    if (function->size_16ths == 0) {
        function->size_16ths = (uint64_t)input->as.queue.size_mean * SIXTEENTHS;
        function->size_told = true;
    }
}

void queue_message(struct function *function, uint32_t size)
{
    if (size == 0) {
        return;
    }
    bool first = function->size_16ths == 0 || function->size_told;
    uint64_t average = function->size_16ths;
    function->size_told = false;
    function->size_16ths = first ? (uint64_t)size * SIXTEENTHS : average - average / SIXTEENTHS + size;
}

uint64_t queue_size(const struct function *function)
{
    return function->messages * function->size_16ths / SIXTEENTHS;
}

bool queue_full(const struct core *core, const struct function *function)
{
    const struct policy *policy = &function->policy;
    bool seen = function->seen_ns != 0 && core->now_ns - function->seen_ns <= SEEN_NS;
    bool old = policy->age_ns_max != 0 && seen && function->oldest_ns > policy->age_ns_max;
    bool large = policy->size_max != 0 && queue_size(function) >= policy->size_max;
    bool many = function->pending_max != 0 && function->messages >= function->pending_max;
    return many || (old && !MUTANT(AGE_IGNORED)) || (large && !MUTANT(SIZE_IGNORED)); /* S7 */
}
