/* The command line as a client of Stead: where it is, whether it answers, and what a refusal means to the shell.
 *
 * Main thread. */
#ifndef STEAD_CLI_CLIENT_H
#define STEAD_CLI_CLIENT_H

#include "adapters/grpc/rpc_client.h"
#include "cli/command.h"

/* --addr, else STEAD_ADDR, else 127.0.0.1:7600 */
const char *client_address(const struct arguments *arguments);
/* Connects and sees that something answers there. NULL if not: what, where and what to do is on stderr (with --json as
 * JSON on stdout too), and the command ends with EXIT_UNAVAILABLE. */
struct rpc_client *client_open(const struct arguments *arguments);
/* The exit code for a reply whose status is not OK, or whose function failed. */
int client_exit_code(const struct rpc_reply *reply);
/* Says why a call was refused and what to do, and frees the reply, which may be NULL (out of memory). Gives the exit
 * code. `name` is the function it was about, or NULL. */
int client_refused(const struct arguments *arguments, struct rpc_reply *reply, const char *name);
/* The same with what to do, where the command knows better than the table of statuses. */
int client_refused_with(const struct arguments *arguments, struct rpc_reply *reply, const char *name,
                        const char *advice);

#endif
