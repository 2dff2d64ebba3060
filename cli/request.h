/* The event of `stead invoke` and `stead submit`, from their options, and how its answer's body is shown.
 *
 * Main thread. Ownership: request_free(), also after a failure. */
#ifndef STEAD_CLI_REQUEST_H
#define STEAD_CLI_REQUEST_H

#include "adapters/grpc/rpc_client.h"
#include "cli/command.h"
#include "cli/document.h"

enum { REQUEST_ID_BYTES = 40 };

struct request {
    struct event_buffer body, packed;
    char made[REQUEST_ID_BYTES];
    const char *id; /* of the event */
    struct rpc_query query;
};

/* Reads -d, --id, --source, --type, --content-type and --timeout (or `timeout`). False: EXIT_USAGE, said on stderr. */
bool request_make(const struct arguments *arguments, const char *timeout, struct request *ret_request);
void request_free(struct request *request);
/* "30s" and the like from --timeout; false: said on stderr. */
bool request_timeout(const struct arguments *arguments, const char *otherwise, int64_t *ret_ns);

/* An attribute of the reply's event; empty if it has none. */
struct bytes request_attribute(const struct rpc_reply *reply, const char *name);
/* The body alone on stdout; a line end is added on a terminal. False if it can't be written. */
bool request_body_print(struct bytes data);
/* The members "type", "content_type" and "data" of a success. */
void request_body_json(struct document *document, const struct rpc_reply *reply);
/* The member "error". */
void request_error_json(struct document *document, const struct rpc_reply *reply);

#endif
