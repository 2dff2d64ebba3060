/* Budgets: how often a request may be tried again. All charged failures together may not exceed the function's
 * retries; each cause may have a smaller number of its own, for what is not worth trying again as often: a request that
 * ran out of memory will mostly do so again. What is not charged is bounded by the starts that the ledger counts. */
#include "core/banned.h"
#include "core/machine.h"
#include "core/retry.h"

/* A message may be in hand before the version that it waits for is up. */
static uint32_t retries_max(struct core *core, const struct delivery *delivery)
{
    const struct function *function = function_at(core, delivery->function);
    return function->serving ? function->current.retries_max : function->candidate.retries_max;
}

bool budget_spent(struct core *core, const struct delivery *delivery)
{
    const struct policy *policy = &function_at(core, delivery->function)->policy;
    bool charged = delivery->attempts > 0 && cause_charged((enum cause)delivery->cause);
    if (delivery->attempts > retries_max(core, delivery) + MUTANT(ONE_RETRY_MORE)) {
        return !MUTANT(ATTEMPTS_UNCOUNTED); /* S4 */
    }
    return charged && delivery->causes.count[delivery->cause] > policy->retries[delivery->cause];
}

bool budget_spent_by_charge(struct core *core, const struct delivery *delivery)
{
    struct delivery after = *delivery;
    after.attempts++;
    causes_count(&after.causes, (enum cause)after.cause);
    return budget_spent(core, &after);
}

uint32_t budget_starts(struct core *core, const struct delivery *delivery)
{
    return (uint32_t)core->settings.starts_max + retries_max(core, delivery);
}

bool budget_starts_spent(struct core *core, const struct delivery *delivery)
{
    return delivery->starts >= budget_starts(core, delivery);
}

static struct backoff backoff_of(struct core *core, const struct delivery *delivery)
{
    const struct policy *policy = &function_at(core, delivery->function)->policy;
    const struct settings *settings = &core->settings;
    return (struct backoff){
        .ns_base = policy->retry_ns_base != 0 ? policy->retry_ns_base : settings->retry_ns_base,
        .ns_max = policy->retry_ns_max != 0 ? policy->retry_ns_max : settings->retry_ns_max,
        .jitter = policy->jitter != 0 ? (enum jitter)(policy->jitter - 1) : (enum jitter)settings->jitter,
    };
}

/* A function's own delay counts if it is longer; if it asked for patience, it is the delay. */
uint64_t budget_delay_ns(struct core *core, const struct delivery *delivery, uint32_t attempts)
{
    struct backoff backoff = backoff_of(core, delivery);
    uint64_t seed = core->seed;
#ifdef STEAD_MUTANTS
    seed += MUTANT(WALL_JITTER) ? (uint64_t)core->wall_ns : 0;
#endif
    uint64_t delay_ns = retry_delay_ns(&backoff, seed, delivery->request, attempts);
    if (MUTANT(RETRIES_AT_ONCE)) {
        return 0; /* S4 */
    }
    if (MUTANT(BACKOFF_UNBOUNDED)) {
        delay_ns = backoff.ns_max << (attempts < 20 ? attempts : 20);
    }
    bool throttled = delivery->cause == CAUSE_THROTTLED && delivery->after_ns > 0;
    if (throttled || delivery->after_ns > delay_ns) {
        uint64_t most = core->settings.call_budget_ns_max;
        delay_ns = delivery->after_ns < most ? delivery->after_ns : most;
    }
    return delay_ns;
}
