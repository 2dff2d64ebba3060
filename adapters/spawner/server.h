/* The spawner's own process: serves requests from its lanes until they end. Private to this folder. */
#ifndef STEAD_ADAPTERS_SPAWNER_SERVER_H
#define STEAD_ADAPTERS_SPAWNER_SERVER_H

enum server_lane { LANE_LOOP, LANE_RUN, LANE_COUNT };

/* Never returns: exits when a lane's other end is closed, after every child is dead and reaped. */
_Noreturn void server_run(const int lanes[LANE_COUNT], const char *scratch_directory);

#endif
