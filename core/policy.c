/* What a function itself says of how its failures and its load are to be treated, whatever its version. */
#include "core/banned.h"
#include "core/machine.h"

void function_policy(struct core *core, const struct input *input)
{
    uint32_t index = index_find_function(core, input->as.policy.name);
    if (index == NOWHERE) {
        return;
    }
    struct policy *policy = &function_at(core, index)->policy;
    policy->retry_ns_base = input->as.policy.retry_ns_base;
    policy->retry_ns_max = input->as.policy.retry_ns_max;
    policy->jitter = input->as.policy.jitter;
    __builtin_memcpy(policy->retries, input->as.policy.retries, sizeof policy->retries);
    policy->age_ns_max = input->as.policy.age_ns_max;
    policy->size_max = input->as.policy.size_max;
    bool other = policy->concurrency_min != input->as.policy.concurrency_min;
    policy->concurrency_min = input->as.policy.concurrency_min;
    if (other) {
        concurrency_begin(core, index);
        function_dirty(core, index);
    }
}
