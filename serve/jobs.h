/* Jobs: what blocks, on the control thread, or, if it builds, on the builds' thread, which may be busy for long. Each
 * carries copies of what it needs and reports on the loop thread. */
#ifndef STEAD_SERVE_JOBS_H
#define STEAD_SERVE_JOBS_H

#include "serve/instance.h"

/* Messages of one function that may be delivered and not settled, over all instances; delayed retries count. */
enum { CONSUMER_ACK_PENDING_MAX = 20000 };

/* Fetches the archive of the record's version and builds it -> functions_built(). */
void jobs_build(struct instance *instance, uint64_t operation, const struct record *record);
/* Makes sure that the function's consumer exists -> INPUT_CONSUMER_READY. */
void jobs_consumer(struct instance *instance, uint64_t operation, uint32_t epoch, const struct record *record);
/* Reads what changed in the records; then, or if forced, -> functions_reconcile(). */
void jobs_records(struct instance *instance, bool force);
void records_free(struct records *records); /* once no job runs any more */
/* Takes requests out of the queue that are done and that the broker brought back; instance->sweep_until 0 ends it. */
void jobs_sweep(struct instance *instance);

/* The id of a request in the queue, by the same rules as at its delivery (bus_in.c). */
void jobs_request_id(int64_t stream_created_ns, const struct broker_message *message, char ret_id[SERVE_ID_BYTES]);

/* For jobs: the control connection, made when first needed; NULL with `error` filled. */
struct broker *jobs_broker(struct instance *instance, struct broker_error *error);
/* The same for jobs on the builds' thread. */
struct broker *jobs_build_broker(struct instance *instance, struct broker_error *error);
/* Unpacks an archive and builds it; any reason but NONE is in build->message. */
enum reason jobs_build_archive(struct instance *instance, const struct record *record, struct bytes archive,
                               struct build_result *build);
/* The name of a version's archive in the object store. */
void jobs_object_name(const struct record *record, char ret_name[128]);

#endif
