/* Waits until every live instance serves what a function's record says, and shows how far they are.
 *
 * On a terminal one line is rewritten; elsewhere there is a line for each change. Main thread. */
#ifndef STEAD_CLI_ROLLOUT_H
#define STEAD_CLI_ROLLOUT_H

#include "adapters/grpc/rpc_client.h"
#include "cli/command.h"

struct rollout_result {
    uint32_t ready, total;
    char version[64];
};

/* Waits for `revision` of the record of `name`, at most `timeout_ns`. Gives EXIT_DONE and *ret_result, or the exit code
 * with the reason on stderr: EXIT_SAID_NO if an instance could not build or start it, EXIT_TRY_AGAIN if time was up. */
int rollout_wait(const struct arguments *arguments, struct rpc_client *client, const char *name, uint64_t revision,
                 int64_t timeout_ns, struct rollout_result *ret_result);

#endif
