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
