/* A thread for what blocks: jobs run one after the other, in the order of submission, and their ends are reported on
 * the loop thread in that same order.
 *
 * A job owns its argument from submission to its end callback, which frees it. Jobs see no loop and no core; they
 * leave what they found in the argument. Thread rule: all functions on the loop thread. */
#ifndef STEAD_ADAPTERS_NATS_CONTROL_H
#define STEAD_ADAPTERS_NATS_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct loop;

enum { CONTROL_JOBS_MAX = 1024 };

typedef void control_run(void *argument);                  /* on the control thread; may block */
typedef void control_done(void *argument, bool cancelled); /* on the loop thread; cancelled: it never ran */

/* NULL if the thread or its descriptor can't be made (errno says why). */
struct control *control_start(struct loop *loop, const char *thread_name);
/* False if CONTROL_JOBS_MAX jobs are pending, or the thread is stopping or none (NULL): then nothing was taken. `done`
 * may be NULL. */
bool control_submit(struct control *control, control_run *run, control_done *done, void *argument);
/* Jobs that were submitted and whose end was not yet reported. */
uint32_t control_pending(const struct control *control);
/* Lets the running job end, then reports every end still owed (jobs that never ran as cancelled) before it returns. Not
 * from an end callback. */
void control_stop(struct control *control);

#endif
