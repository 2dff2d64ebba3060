/* Names of inputs, effects, reasons and ends, made from their tables. */
#include "core/banned.h"
#include "core/effect.h"
#include "core/input.h"

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
