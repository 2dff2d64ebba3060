/* `stead sim`: runs of the simulator from the command line. */
#ifndef STEAD_CLI_SIM_H
#define STEAD_CLI_SIM_H

/* argv[0] is "sim", then `run`, `swarm` or `shrink`. Returns an enum sim_exit (cli/sim_schedule.h).
 * Data on stdout, progress on stderr. Any thread; it starts threads of its own and joins them. */
int sim_main(int argc, char **argv);

#endif
