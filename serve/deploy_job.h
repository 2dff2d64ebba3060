/* One deploy under way, shared by deploy.c (what the caller sent, and how it ends) and deploy_store.c (what is
 * written). */
#ifndef STEAD_SERVE_DEPLOY_JOB_H
#define STEAD_SERVE_DEPLOY_JOB_H

#include "serve/deploy.h"

struct deploy_job {
    struct instance *instance;
    uint64_t rpc_id;
    struct archive_file *files;
    size_t file_count;
    char language[SERVE_LANGUAGE_BYTES], name[SERVE_NAME_BYTES], alias[SERVE_NAME_BYTES];
    char *manifest;
    uint8_t *memory;        /* all file paths and contents */
    struct record record;   /* the version; then the function's record as it is written */
    struct record before;   /* name "": there was none */
    struct record_alias to; /* the alias that is to name the new version */
    uint32_t canary_percent;
    bool no_wait;
    uint32_t rows_free; /* of the core when it began */
    char version[SERVE_VERSION_BYTES];
    struct build_result build;
    enum rpc_status status;
    const char *reason;
    char text[BUILD_MESSAGE_BYTES_MAX];
};

/* Both say why, for the caller, and return false. */
bool deploy_refuse(struct deploy_job *job, enum rpc_status status, const char *reason, const char *text);
bool deploy_refuse_broker(struct deploy_job *job, const struct broker_error *error);
/* On the control thread: stores the archive and the version and lets the function's record name it. */
bool deploy_store(struct deploy_job *job, struct broker *broker, struct bytes archive);

#endif
