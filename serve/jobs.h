/* Jobs: what blocks, on the control thread, or, if it builds, on the builds' thread, which may be busy for long. Each
 * carries copies of what it needs and reports on the loop thread. */
#ifndef STEAD_SERVE_JOBS_H
#define STEAD_SERVE_JOBS_H

#include "serve/instance.h"

/* Fetches the archive of the record's version and builds it -> functions_built(). */
void jobs_build(struct instance *instance, uint64_t operation, const struct record *record);
/* Makes sure that the function's consumer exists, makes it anew -> INPUT_CONSUMER_READY, or deletes it. */
void jobs_consumer(struct instance *instance, const struct effect *effect, const struct record *record);
/* Reads what changed in the records; then, or if forced, -> functions_reconcile(). */
void jobs_records(struct instance *instance, bool force);
void records_hinted(struct instance *instance); /* something in the bucket changed, one hears */
void records_free(struct records *records);     /* once no job runs any more */
/* Looks what is queued for whom -> INPUT_QUEUE, INPUT_STRAY. */
void queues_look(struct instance *instance);
void queues_list(struct instance *instance, const struct rpc_request *request);
void queue_pause(struct instance *instance, const struct rpc_request *request);
void status_measure_queues(struct instance *instance);
/* The sweeper's lease -> INPUT_LEASE. */
void lease_perform(struct instance *instance, const struct effect *effect);
bool lease_replied(struct instance *instance, const struct bus_reply *reply); /* false: it is about something else */
/* Reads the queue by number -> INPUT_WALKED. */
void walk_perform(struct instance *instance, const struct effect *effect);
/* The function whose queue that is, or NULL; and the row of one of which there is no record, for instance->setting: the
 * core's row is bound to its text by its first effect. */
struct function_side *queue_side(const struct instance *instance, const char *language, const char *name);
struct row queue_stray(const struct instance *instance, const char *language, const char *name);

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
