/* May this user do what an instance does? Each subject is tried with a message that no stream takes and no API answers
 * (adapters/nats/broker_look.h), under names that nothing of Stead's has, except where a permission may well name the
 * stream: those requests have an empty body, which is none that could be obeyed. A purge obeys an empty body, so it is
 * tried on a stream that does not exist. */
#include "cli/doctor.h"

#include "adapters/nats/broker_look.h"

#include <stdio.h>
#include <string.h>

enum { SUBJECT_BYTES = 256 };

/* Those of the languages come on top. */
static const char *const publishes[] = {
    "function.result.stead-doctor",
    "function.cancel.stead-doctor",
    "function.release.stead-doctor",
    "function.status.stead-doctor",
    "$JS.API.INFO",
    "$JS.API.STREAM.CREATE.stead-doctor",
    "$JS.API.STREAM.UPDATE.stead-doctor",
    "$JS.API.STREAM.INFO." BROKER_STREAM_REQUESTS,
    "$JS.API.STREAM.INFO.KV_" BROKER_BUCKET_CONFIG,
    "$JS.API.STREAM.MSG.GET." BROKER_STREAM_RESULTS,
    "$JS.API.STREAM.MSG.DELETE." BROKER_STREAM_REQUESTS,
    "$JS.API.STREAM.PURGE.stead-doctor",
    "$JS.API.CONSUMER.DURABLE.CREATE." BROKER_STREAM_REQUESTS ".stead-doctor",
    "$JS.API.CONSUMER.INFO." BROKER_STREAM_REQUESTS ".stead-doctor",
    "$JS.API.CONSUMER.DELETE." BROKER_STREAM_REQUESTS ".stead-doctor",
    "$JS.API.CONSUMER.MSG.NEXT." BROKER_STREAM_REQUESTS ".stead-doctor",
    "$JS.ACK." BROKER_STREAM_REQUESTS ".stead-doctor.1.1.1.1.0",
    "$KV." BROKER_BUCKET_CONFIG ".stead-doctor",
    "$KV." BROKER_BUCKET_VERSIONS ".stead-doctor",
    "$KV." BROKER_BUCKET_ATTEMPTS ".stead-doctor",
    "$KV." BROKER_BUCKET_INSTANCES ".stead-doctor",
    "$KV." BROKER_BUCKET_LEASE ".stead-doctor",
    "$O." BROKER_BUCKET_CODE ".C.stead-doctor",
    "$O." BROKER_BUCKET_CODE ".M.stead-doctor",
    "_INBOX.stead.doctor.answer.stead-doctor",
};

static const char *const subscribes[] = { "_INBOX.stead.doctor.>", "function.cancel.*", "function.release.*",
                                          "$KV." BROKER_BUCKET_CONFIG ".>" };

struct tried {
    struct report *report;
    size_t may, may_not, unknown;
};

static void note(struct tried *tried, enum broker_permission permission, const char *verb, const char *subject)
{
    tried->may += permission == BROKER_MAY;
    tried->unknown += permission == BROKER_MAY_UNKNOWN;
    if (permission == BROKER_MAY_NOT) {
        tried->may_not++;
        report_add(tried->report, LEVEL_FAIL, "permissions", "give the user the subjects of docs/reference/subjects.md",
                   "this user may not %s %s", verb, subject);
    }
}

static void try_languages(struct tried *tried, const struct config *config, struct broker *broker)
{
    for (size_t i = 0; i < config->service_languages.count; i++) {
        char subject[SUBJECT_BYTES];
        const char *language = config->service_languages.items[i];
        snprintf(subject, sizeof subject, "function.%.64s.stead-doctor", language);
        note(tried, broker_may_publish(broker, subject), "publish to", subject);
        snprintf(subject, sizeof subject, "function.dead.%.64s.stead-doctor.stead-doctor", language);
        note(tried, broker_may_publish(broker, subject), "publish to", subject);
    }
}

bool doctor_permissions(struct report *report, const struct config *config, struct broker *broker)
{
    struct tried tried = { .report = report };
    try_languages(&tried, config, broker);
    for (size_t i = 0; i < sizeof publishes / sizeof publishes[0]; i++) {
        note(&tried, broker_may_publish(broker, publishes[i]), "publish to", publishes[i]);
    }
    for (size_t i = 0; i < sizeof subscribes / sizeof subscribes[0]; i++) {
        note(&tried, broker_may_subscribe(broker, subscribes[i]), "subscribe to", subscribes[i]);
    }
    if (tried.unknown > 0) {
        report_add(report, LEVEL_WARN, "permissions", "the connection broke: try again",
                   "%zu subjects could not be tried", tried.unknown);
    } else if (tried.may_not == 0) {
        report_add(report, LEVEL_OK, "permissions", NULL, "this user may use all %zu kinds of subjects", tried.may);
    }
    return tried.may_not == 0;
}
