/* Starts and ends the gRPC library, once for all servers and clients of the process. Any thread. */
#ifndef STEAD_ADAPTERS_GRPC_RPC_LIBRARY_H
#define STEAD_ADAPTERS_GRPC_RPC_LIBRARY_H

#include <stdint.h>

#include <grpc/slice.h>
#include <grpc/support/time.h>

#include "adapters/event/event.h"

void rpc_library_acquire(void);
/* The last release waits until gRPC has cleaned up, at most a second. */
void rpc_library_release(void);

int64_t rpc_now_ns(void); /* CLOCK_MONOTONIC */
gpr_timespec rpc_timespec(int64_t monotonic_ns);
int64_t rpc_timespec_ns(gpr_timespec time); /* CLOCK_MONOTONIC; INT64_MAX for the infinite future */

struct bytes rpc_slice_bytes(const grpc_slice *slice); /* borrowed; small slices hold their bytes themselves */

#endif
