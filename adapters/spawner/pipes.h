/* The pipes of one start: a channel, the outputs, and the status of exec. Private to this folder. */
#ifndef STEAD_ADAPTERS_SPAWNER_PIPES_H
#define STEAD_ADAPTERS_SPAWNER_PIPES_H

#include <stdbool.h>

/* The descriptors of one start: the child's ends and ours. -1 where there is none. */
struct pipes {
    int channel[2]; /* ours, child's */
    int out[2];     /* read end, write end */
    int error[2];
    int status[2];
};

/* Opens them all, our ends non-blocking; without `plugin` there is one output and no channel. 0, or errno, and then
 * nothing is open. */
int pipes_open(struct pipes *pipes, bool plugin);
void pipes_close(struct pipes *pipes);

#endif
