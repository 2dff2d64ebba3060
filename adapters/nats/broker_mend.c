/* What somebody changed by hand in our consumers while they are used, put right again. Nothing tells of such a change,
 * so they are listed now and then and compared. Limits are written back where they are less than ours, or more than
 * anybody can ask for: instances whose settings differ must not write over each other for ever. A consumer that takes
 * other subjects, or that acknowledges or gives up otherwise, may have passed messages by: it is deleted, whoever pulls
 * is told so by the broker, and the one that is made in its place delivers all that is not settled. */
#include "adapters/nats/broker_private.h"

#include <stdio.h>
#include <string.h>

#include "adapters/nats/broker_look.h"
#include "adapters/nats/wire.h"

enum { MENDED_MAX = 64 };                     /* in one go; the next look finds the rest */
#define ACK_WAIT_NS_MAX INT64_C(600000000000) /* of queue.ackWait */

struct mender {
    int64_t ack_wait_ns, ack_pending_max;
    struct broker_consumer_seen wrong[MENDED_MAX];
    size_t count;
};

/* "go-hello" -> "go" and "hello"; false if it is not a name that we give. */
static bool name_split(const char *consumer, char ret_language[64], const char **ret_name)
{
    const char *dash = strchr(consumer, '-');
    if (dash == NULL || dash == consumer || dash - consumer >= 64 || dash[1] == '\0') {
        return false;
    }
    snprintf(ret_language, 64, "%.*s", (int)(dash - consumer), consumer);
    *ret_name = dash + 1;
    return true;
}

/* It may have passed messages by. */
static bool beyond_repair(const struct broker_consumer_seen *seen)
{
    char filter[sizeof seen->filter + 16], language[64];
    const char *name;
    if (!name_split(seen->name, language, &name)) {
        return false;
    }
    snprintf(filter, sizeof filter, "function.%s.%s", language, name);
    return strcmp(seen->filter, filter) != 0 || strcmp(seen->acknowledge, "explicit") != 0 ||
           seen->deliveries_max > 0 || seen->deliver_subject[0] != '\0';
}

static void compare(void *owner, const struct broker_consumer_seen *seen)
{
    struct mender *mender = owner;
    bool waits = seen->ack_wait_ns < mender->ack_wait_ns || seen->ack_wait_ns > ACK_WAIT_NS_MAX || seen->backoff;
    bool few = seen->ack_pending_max > 0 && seen->ack_pending_max < mender->ack_pending_max;
    if (seen->ours && (waits || few || beyond_repair(seen)) && mender->count < MENDED_MAX) {
        mender->wrong[mender->count++] = *seen;
    }
}

static enum broker_status mend(struct broker *broker, const struct mender *mender,
                               const struct broker_consumer_seen *wrong, struct broker_error *error)
{
    char language[64];
    const char *name;
    struct broker_consumer ignored;
    if (!name_split(wrong->name, language, &name)) {
        return broker_fail(error, BROKER_INVALID, "consumer %.128s has no name of a function", wrong->name);
    }
    return beyond_repair(wrong) ? broker_consumer_delete(broker, language, name, error)
                                : broker_consumer_ensure(broker, language, name, mender->ack_wait_ns,
                                                         (uint32_t)mender->ack_pending_max, &ignored, error);
}

enum broker_status broker_consumers_mend(struct broker *broker, int64_t ack_wait_ns, uint32_t ack_pending_max,
                                         broker_report *report, void *owner, struct broker_error *ret_error)
{
    struct mender mender = { .ack_wait_ns = ack_wait_ns, .ack_pending_max = ack_pending_max };
    enum broker_status status = broker_consumers_each(broker, compare, &mender, ret_error);
    for (size_t i = 0; status == BROKER_OK && i < mender.count; i++) {
        char text[BROKER_SUBJECT_BYTES];
        enum broker_status one = mend(broker, &mender, &mender.wrong[i], ret_error);
        snprintf(text, sizeof text, "consumer %.128s was changed by hand: %s", mender.wrong[i].name,
                 one != BROKER_OK                  ? ret_error->text
                 : beyond_repair(&mender.wrong[i]) ? "removed, to be made anew: it may have passed requests by"
                                                   : "changed back");
        report(owner, one == BROKER_OK ? BROKER_REPORT_WARNING : BROKER_REPORT_ERROR, text);
    }
    return status;
}
