/* Names of inputs, effects, reasons, ends and states, made from their tables. */
#include "core/banned.h"
#include "core/effect.h"
#include "core/input.h"
#include "core/states.h"

const char *input_name(enum input_kind kind)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        INPUTS(X)
#undef X
    };
    return (unsigned)kind < INPUT_COUNT ? names[kind] : "?";
}

const char *effect_name(enum effect_kind kind)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        EFFECTS(X)
#undef X
    };
    return (unsigned)kind < EFFECT_COUNT ? names[kind] : "?";
}

const char *reason_name(enum reason reason)
{
    static const char *const names[] = {
#define X(name, meaning) #name,
        REASONS(X)
#undef X
    };
    return (unsigned)reason < REASON_COUNT ? names[reason] : "?";
}

const char *reason_meaning(enum reason reason)
{
    static const char *const meanings[] = {
#define X(name, meaning) meaning,
        REASONS(X)
#undef X
    };
    return (unsigned)reason < REASON_COUNT ? meanings[reason] : "?";
}

const char *disconnect_text(enum disconnect disconnect)
{
    static const char *const texts[] = {
#define X(name, text, meaning) text,
        DISCONNECTS(X)
#undef X
    };
    return (unsigned)disconnect < DISCONNECT_COUNT ? texts[disconnect] : "?";
}

const char *disconnect_meaning(enum disconnect disconnect)
{
    static const char *const meanings[] = {
#define X(name, text, meaning) meaning,
        DISCONNECTS(X)
#undef X
    };
    return (unsigned)disconnect < DISCONNECT_COUNT ? meanings[disconnect] : "?";
}

const char *cause_text(enum cause cause)
{
    static const char *const texts[] = {
#define X(name, payer, reason, text, meaning) text,
        CAUSES(X)
#undef X
    };
    return (unsigned)cause < CAUSE_COUNT ? texts[cause] : "?";
}

enum reason cause_reason(enum cause cause)
{
    static const uint8_t reasons[] = {
#define X(name, payer, reason, text, meaning) REASON_##reason,
        CAUSES(X)
#undef X
    };
    return (unsigned)cause < CAUSE_COUNT ? (enum reason)reasons[cause] : REASON_NONE;
}

/* What is charged comes first in the table. */
enum { FREE, CHARGED };
#define X(name, payer, reason, text, meaning)                                                                          \
    _Static_assert((payer == CHARGED) == (CAUSE_##name != CAUSE_NONE && CAUSE_##name <= CAUSE_CHARGED_MAX), #name);
CAUSES(X)
#undef X

bool cause_charged(enum cause cause)
{
    return cause != CAUSE_NONE && cause <= CAUSE_CHARGED_MAX;
}

const char *cause_meaning(enum cause cause)
{
    static const char *const meanings[] = {
#define X(name, payer, reason, text, meaning) meaning,
        CAUSES(X)
#undef X
    };
    return (unsigned)cause < CAUSE_COUNT ? meanings[cause] : "?";
}

const char *end_name(enum end end)
{
    static const char *const names[] = {
#define X(name, text) text,
        ENDS(X)
#undef X
    };
    return (unsigned)end < END_COUNT ? names[end] : "?";
}

const char *call_state_name(uint32_t state)
{
    static const char *const names[] = {
#define X(name, next) #name,
        CALL_STATES(X)
#undef X
    };
    return state < CALL_COUNT ? names[state] : "?";
}

const char *delivery_state_name(uint32_t state)
{
    static const char *const names[] = {
#define X(name, next) #name,
        DELIVERY_STATES(X)
#undef X
    };
    return state < DELIVERY_COUNT ? names[state] : "?";
}

const char *worker_state_name(uint32_t state)
{
    static const char *const names[] = {
#define X(name, next) #name,
        WORKER_STATES(X)
#undef X
    };
    return state < WORKER_COUNT ? names[state] : "?";
}

const char *function_state_name(uint32_t state)
{
    static const char *const names[] = {
#define X(name, next) #name,
        FUNCTION_STATES(X)
#undef X
    };
    return state < FUNCTION_COUNT ? names[state] : "?";
}

const char *instance_state_name(uint32_t state)
{
    static const char *const names[] = {
#define X(name, next) #name,
        INSTANCE_STATES(X)
#undef X
    };
    return state < INSTANCE_COUNT ? names[state] : "?";
}

uint32_t states_next(enum machine machine, uint32_t state)
{
#define X(name, next) (next),
    static const uint32_t calls[] = { CALL_STATES(X) }, deliveries[] = { DELIVERY_STATES(X) };
    static const uint32_t workers[] = { WORKER_STATES(X) }, functions[] = { FUNCTION_STATES(X) };
    static const uint32_t instances[] = { INSTANCE_STATES(X) };
#undef X
    static const uint32_t *const tables[] = { calls, deliveries, workers, functions, instances };
    return state < states_count(machine) ? tables[machine][state] : 0;
}

void edges_merge(struct edges *edges, const struct edges *more)
{
    for (uint32_t machine = 0; machine < MACHINE_COUNT; machine++) {
        for (uint32_t state = 0; state < MACHINE_STATES_MAX; state++) {
            edges->next[machine][state] |= more->next[machine][state];
        }
    }
}

uint32_t states_count(enum machine machine)
{
    static const uint32_t counts[] = { CALL_COUNT, DELIVERY_COUNT, WORKER_COUNT, FUNCTION_COUNT, INSTANCE_COUNT };
    return machine < MACHINE_COUNT ? counts[machine] : 0;
}

const char *states_name(enum machine machine, uint32_t state)
{
    switch (machine) {
    case MACHINE_CALL:
        return call_state_name(state);
    case MACHINE_DELIVERY:
        return delivery_state_name(state);
    case MACHINE_WORKER:
        return worker_state_name(state);
    case MACHINE_FUNCTION:
        return function_state_name(state);
    default:
        return instance_state_name(state);
    }
}
