/* What one step of the core costs, alone: no adapters, no system calls, public headers of the core only.
 *
 * A small world (world.c) drives one core and records every input. After each batch of inputs a second, equal core gets
 * the same ones in a tight loop, and only that loop is timed; so nothing but core_step() is inside. Both cores must end
 * with the same hash, or nothing is reported.
 *
 *     bench_core_step [--batches N]     JSON: ns per step (median and p99 over batches of 64 steps) */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/core_step/world.h"

enum { BATCH_STEPS = 64, BATCHES_WARM_UP = 500, BATCHES_DEFAULT = 20000 };

/* CPU time of this thread: what others do on the machine meanwhile is not the core's. */
static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* Time of one batch in the second core. */
static uint64_t batch_ns(struct world *world)
{
    static struct input batch[BATCH_STEPS];
    for (uint32_t i = 0; i < BATCH_STEPS; i++) {
        if (!world_drive(world, &batch[i])) {
            world_fail("nothing happens any more: a call was lost");
        }
    }
    uint64_t before_ns = clock_ns();
    for (uint32_t i = 0; i < BATCH_STEPS; i++) {
        core_step(world->timed, &batch[i], &world->effects);
    }
    return clock_ns() - before_ns;
}

static int by_size(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Two readings of the clock cost about as much as a cheap step; the batch spreads them, this takes them out. */
static uint64_t clock_cost_ns(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t before_ns = clock_ns();
        uint64_t took_ns = clock_ns() - before_ns;
        least_ns = took_ns < least_ns ? took_ns : least_ns;
    }
    return least_ns;
}

static void report(struct world *world, uint64_t *took_ns, uint32_t batches)
{
    struct core_view view;
    core_view(world->driven, &view);
    qsort(took_ns, batches, sizeof *took_ns, by_size);
    uint32_t middle = batches / 2, last_but_few = (uint32_t)((uint64_t)batches * 99 / 100);
    double median_ns = (double)took_ns[middle] / BATCH_STEPS;
    double p99_ns = (double)took_ns[last_but_few] / BATCH_STEPS;
    double steps_per_call = (double)batches * BATCH_STEPS / (double)world->calls_done;
    printf("{\"median_ns\":%.1f,\"p99_ns\":%.1f,\"steps\":%" PRIu64 ",\"calls\":%" PRIu64
           ",\"steps_per_call\":%.2f,\"ns_per_call\":%.0f,\"core_bytes\":%" PRIu64
           ",\"waiting_calls\":%u,\"functions\":%u,\"workers\":%u,\"batch_steps\":%d}\n",
           median_ns, p99_ns, (uint64_t)batches * BATCH_STEPS, world->calls_done, steps_per_call,
           median_ns * steps_per_call, core_size(&world_limits), view.calls, view.functions, view.workers, BATCH_STEPS);
}

int main(int argc, char **argv)
{
    uint32_t batches = BATCHES_DEFAULT;
    if (argc == 3 && strcmp(argv[1], "--batches") == 0) {
        batches = (uint32_t)strtoul(argv[2], NULL, 10);
    }
    if (batches == 0 || (argc != 1 && argc != 3)) {
        world_fail("usage: bench_core_step [--batches N]");
    }
    uint64_t *took_ns = calloc(batches, sizeof *took_ns);
    struct world *world = world_new();
    if (took_ns == NULL) {
        world_fail("no memory");
    }
    for (uint32_t i = 0; i < BATCHES_WARM_UP; i++) {
        batch_ns(world);
    }
    world->calls_done = 0;
    uint64_t clock_cost = clock_cost_ns();
    for (uint32_t i = 0; i < batches; i++) {
        uint64_t whole_ns = batch_ns(world);
        took_ns[i] = whole_ns > clock_cost ? whole_ns - clock_cost : 0;
    }
    if (core_hash(world->driven) != core_hash(world->timed)) {
        world_fail("the two cores differ: core_step is not deterministic");
    }
    report(world, took_ns, batches);
    free(took_ns);
    world_free(world);
    return 0;
}
