/* The only state outside a world: where the panics of this thread go. stead_panic() is weak, so that a program that has
 * one of its own keeps it. */
#include "sim/panic.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/assert.h"
#include "sim/sim.h"

static _Thread_local struct panic *panic_of_thread;

void panic_catch(struct panic *panic)
{
    panic_of_thread = panic;
}

void sim_panicked(const char *file, int line, const char *condition)
{
    struct panic *panic = panic_of_thread;
    if (panic != NULL) {
        panic->file = file;
        panic->line = line;
        panic->condition = condition;
        longjmp(panic->back, 1);
    }
}

__attribute__((weak)) _Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    sim_panicked(file, line, condition);
    fprintf(stderr, "stead: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
