/* Three million random steps, each checked by the puppet; then all faults end, and nothing may be left in hand. Along
 * the way every legal edge of every machine must have been seen: a state that no input leads to would be dead
 * code.
 *
 * Also what a simulator stands on: the same inputs give the same effects and hash, and a copy is equal and
 * independent. */
#include "tests/unit/core/drive.h"

#include <stdlib.h>
#include <string.h>

#include "core/draw.h"

enum { STEPS_PER_SEED = 10000, SEEDS = 300 };

static uint64_t edges[TABLE_COUNT][DRIVE_STATES][DRIVE_STATES]; /* between two steps */
static struct edges taken;                                      /* as the cores count them, within a step, too */

static void survives_random_steps(void **state)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct drive drive;
        drive_init(&drive, seed);
        drive.edges = edges;
        for (uint32_t i = 0; i < STEPS_PER_SEED; i++) {
            drive_step(&drive);
        }
        drive_heal(&drive);
        edges_merge(&taken, core_edges(drive.puppet->core));
        drive_free(&drive);
    }
}

struct tested {
    enum table table;
    enum machine machine;
    const char *(*name)(uint32_t state);
    uint32_t edges[DRIVE_STATES], states;
};

#define X(name, next) (next),
static const struct tested machines[] = {
    { TABLE_CALL, MACHINE_CALL, call_state_name, { CALL_STATES(X) }, CALL_COUNT },
    { TABLE_DELIVERY, MACHINE_DELIVERY, delivery_state_name, { DELIVERY_STATES(X) }, DELIVERY_COUNT },
    { TABLE_FUNCTION, MACHINE_FUNCTION, function_state_name, { FUNCTION_STATES(X) }, FUNCTION_COUNT },
    { TABLE_WORKER, MACHINE_WORKER, worker_state_name, { WORKER_STATES(X) }, WORKER_COUNT },
};
#undef X

static bool leads_to(const struct tested *machine, uint32_t from, uint32_t to)
{
    uint32_t reached = machine->edges[from];
    for (uint32_t round = 0; round < machine->states; round++) {
        for (uint32_t at = 1; at < machine->states; at++) {
            reached |= reached & 1u << at ? machine->edges[at] : 0;
        }
    }
    return reached & 1u << to || to == 0;
}

/* One step may take several edges, so what is seen must be a way along legal ones. */
static void took_every_legal_edge_and_no_other_way(void **state)
{
    uint32_t missing = 0;
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
        const struct tested *machine = &machines[m];
        for (uint32_t from = 0; from < machine->states; from++) {
            for (uint32_t to = 0; to < machine->states; to++) {
                bool legal = machine->edges[from] & 1u << to;
                bool seen = edges[machine->table][from][to] > 0;
                assert_true(!seen || leads_to(machine, from, to));
                if (legal && !seen && (taken.next[machine->machine][from] & 1u << to) == 0 && from != to) {
                    print_message("never seen: %s -> %s\n", machine->name(from), machine->name(to));
                    missing++;
                }
            }
        }
    }
    assert_int_equal(missing, 0);
}

static uint64_t hash_of_run(uint64_t seed)
{
    struct drive drive;
    drive_init(&drive, seed);
    for (uint32_t i = 0; i < 2000; i++) {
        drive_step(&drive);
    }
    uint64_t hash = core_hash(drive.puppet->core);
    drive_free(&drive);
    return hash;
}

static void gives_the_same_hash_for_the_same_inputs(void **state)
{
    uint64_t all = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t hash = hash_of_run(seed);
        assert_int_equal(hash_of_run(seed), hash);
        all = draw_mix(all ^ hash);
    }
    assert_int_not_equal(hash_of_run(1), hash_of_run(2));
    print_message("hash of 20 runs: %016lx\n", (unsigned long)all); /* the same on every compiler */
}

/* Two cores that got the same input must have said the same. */
static void expect_equal(const struct effects *a, const struct effects *b)
{
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->list[i].kind, b->list[i].kind);
        assert_int_equal(a->list[i].operation, b->list[i].operation);
        assert_int_equal(a->list[i].about.bits, b->list[i].about.bits);
        assert_int_equal(a->list[i].amount, b->list[i].amount);
        assert_int_equal(a->list[i].blob.slot, b->list[i].blob.slot);
    }
}

static void copies_are_equal_and_go_their_own_way(void **state)
{
    struct drive drive;
    drive_init(&drive, 7);
    for (uint32_t i = 0; i < 3000; i++) {
        drive_step(&drive);
    }
    struct core *original = drive.puppet->core;
    struct core *copy = core_copy(aligned_alloc(16, original->size), original);
    assert_int_equal(core_hash(copy), core_hash(original));
    assert_int_equal(core_next_deadline(copy), core_next_deadline(original));
    core_check(copy);
    struct effects ours, theirs;
    struct input tick = { .kind = INPUT_TICK, .now_ns = drive.puppet->now_ns };
    for (uint32_t i = 0; i < 500; i++) {
        uint64_t due_ns = core_next_deadline(original);
        tick.now_ns = due_ns > tick.now_ns && due_ns != CORE_NEVER ? due_ns : tick.now_ns;
        core_step(original, &tick, &ours);
        core_step(copy, &tick, &theirs);
        expect_equal(&ours, &theirs);
        assert_int_equal(core_hash(copy), core_hash(original));
    }
    uint64_t hash = core_hash(original);
    core_step(copy, &(struct input){ .kind = INPUT_DRAIN, .now_ns = tick.now_ns }, &theirs);
    assert_int_not_equal(core_hash(copy), hash);
    assert_int_equal(core_hash(original), hash);
    free(copy);
    drive_free(&drive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_random_steps),
        cmocka_unit_test(took_every_legal_edge_and_no_other_way),
        cmocka_unit_test(gives_the_same_hash_for_the_same_inputs),
        cmocka_unit_test(copies_are_equal_and_go_their_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
