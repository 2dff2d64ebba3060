/* Listens on TCP and Unix sockets and hands each connection to a gRPC server.
 *
 * gRPC's own listener dies for ever at the first EMFILE (fixed only after the version that Debian ships); this one
 * waits 10 ms and goes on. It also caps the connections. One thread of its own; the functions belong to the loop
 * thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_ACCEPT_H
#define STEAD_ADAPTERS_GRPC_RPC_ACCEPT_H

#include "adapters/grpc/rpc_inside.h"

/* Binds all addresses; a failure leaves nothing behind and a text for users. */
struct rpc_acceptor *rpc_acceptor_bind(const struct rpc_server_options *options, char *ret_error, size_t error_size);
bool rpc_acceptor_has(const struct rpc_acceptor *acceptor, bool unix_sockets); /* is there one of that kind? */
const char *rpc_acceptor_address(const struct rpc_acceptor *acceptor, size_t which);
/* Begins to accept, for these servers. */
bool rpc_acceptor_start(struct rpc_acceptor *acceptor, grpc_server *tcp, grpc_server *unix_server);
/* Accepts no more; closes the listeners and removes the Unix sockets. Idempotent. */
void rpc_acceptor_stop(struct rpc_acceptor *acceptor);
void rpc_acceptor_free(struct rpc_acceptor *acceptor);
void rpc_acceptor_count(const struct rpc_acceptor *acceptor, struct rpc_server_counters *counters);

#endif
