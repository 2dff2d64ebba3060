/* `stead deploy`: sends a folder and says how it went. `stead dev` uses its parts. */
#ifndef STEAD_CLI_DEPLOY_H
#define STEAD_CLI_DEPLOY_H

#include "cli/command.h"
#include "cli/folder.h"

#include "adapters/grpc/rpc_client.h"

int deploy_run(const struct arguments *arguments);
/* Sends a folder and waits until it is built and ready. NULL if out of memory. Any thread, with a client of its own. */
struct rpc_reply *deploy_send(struct rpc_client *client, const struct folder *folder);
/* The body for a first call of a function, as one would type it: from demo.json beside it, else an empty object. */
void deploy_example(const struct folder *folder, char *ret_text, size_t size);

#endif
