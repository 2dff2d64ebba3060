/* stead-sim run|swarm ...: `stead sim` by itself, without servers and broker libraries, and stead-mutants: the same
 * around cores with planted bugs, one of which --mutant N switches on. Both are for tests: a fleet of seeds that
 * does not find a planted bug would not find a real one either. */
#include "cli/sim.h"

int main(int argc, char **argv)
{
    return sim_main(argc, argv);
}
