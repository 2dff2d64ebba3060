/* `stead replay --fork` around cores with planted bugs: `--mutant N` switches one on in the cores that go on from a
 * recorded state, so that a fork fails, and what is said and written then can be tested. The replay before it is that of
 * sound cores. Only for tests. */
#include "cli/command.h"
#include "cli/replay_fork.h"
#include "core/assert.h"
#include "serve/replay.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static const struct option options[] = {
    { "fork", 0, "N|any", "" },   { "seed", 0, "S|A..B", "" },   { "faults", 0, "LIST", "" },
    { "steps", 0, "N", "" },      { "trace", 0, NULL, "" },      { "json", 0, NULL, "" },
    { "shrink", 0, "FILE", "" },  { "schedule", 0, "FILE", "" }, { "effects", 0, NULL, "" },
    { "any-build", 0, NULL, "" }, { "mutant", 0, "N", "" },      { 0 },
};

const struct command commands[] = { { .name = "replay",
                                      .words = "JOURNAL",
                                      .words_min = 1,
                                      .words_max = 1,
                                      .options = options,
                                      .run = replay_fork_run },
                                    { 0 } };

_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    sim_panicked(file, line, condition);
    replay_panicked(file, line, condition);
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

int main(int argc, char **argv)
{
    static struct arguments arguments;
    return arguments_read(&commands[0], argc - 1, argv + 1, &arguments) ? replay_fork_run(&arguments) : EXIT_USAGE;
}
