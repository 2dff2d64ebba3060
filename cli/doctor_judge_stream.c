/* One of our streams or buckets: does it keep what it must, refuse when it is full, and take the subjects that we send?
 * What loses something that was accepted is a FAIL; what merely gives less than was asked for is a WARN. */
#include "cli/doctor_judge.h"

#include <inttypes.h>
#include <string.h>

static const char remove_it[] = "it loses what it holds: remove it when it is empty, and let stead serve make it";

/* Whether the word stands in the list that is separated by spaces. */
static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(list, word); at != NULL; at = strstr(at + 1, word)) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static const char *first_missing(const struct stream_want *want, const struct broker_stream *stream)
{
    const size_t count = sizeof want->subjects / sizeof want->subjects[0];
    for (size_t i = 0; i < count && want->subjects[i] != NULL; i++) {
        if (!listed(stream->subjects, want->subjects[i])) {
            return want->subjects[i];
        }
    }
    return NULL;
}

/* Subjects that are none of ours, in a stream that must hold nothing else. */
static bool takes_more(const struct stream_want *want, const struct broker_stream *stream)
{
    char list[sizeof stream->subjects];
    char *rest = NULL;
    memcpy(list, stream->subjects, sizeof list);
    for (const char *word = strtok_r(list, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        bool known = strncmp(word, "function.", 9) == 0 && strcmp(word, "function.>") != 0 &&
                     strncmp(word, "function.*", 10) != 0;
        if (strcmp(want->retention, "workqueue") == 0 && !known) {
            return true;
        }
    }
    return false;
}

static bool judge_age(struct report *report, const struct stream_want *want, const struct broker_stream *stream)
{
    char have[SPAN_BYTES], need[SPAN_BYTES], said[SPAN_BYTES];
    bool too_short = stream->age_max_ns > 0 && (want->age_ns_min == 0 || stream->age_max_ns < want->age_ns_min);
    span_text(stream->age_max_ns, have);
    span_text(want->age_ns_min, need);
    span_text(want->age_ns, said);
    if (too_short) {
        report_add(report, LEVEL_FAIL, want->about,
                   stream->ours ? "restart stead serve, which sets it"
                                : "raise its max age, or remove it when it is empty",
                   "%s are dropped after %s, %s", want->holds, have, want->age_ns_min == 0 ? "and must be kept" : need);
        return false;
    }
    if (stream->age_max_ns != want->age_ns) {
        report_add(report, LEVEL_WARN, want->about, "restart stead serve, which sets it if Stead made the stream",
                   "%s are kept for %s, not for %s", want->holds, have, said);
        return false;
    }
    return true;
}

static bool judge_copies(struct report *report, const struct stream_want *want, const struct broker_stream *stream)
{
    if (strcmp(stream->storage, "file") != 0 && want->durable) {
        report_add(report, LEVEL_WARN, want->about,
                   "storage.type: file; a stream that exists stays as it is: remove it",
                   "%s are in memory: a restart of the broker loses them", want->holds);
        return false;
    }
    if (stream->replicas < want->replicas) {
        report_add(report, LEVEL_WARN, want->about, "three servers are needed for three copies; or storage.replicas: 1",
                   "%u cop%s, %u wanted", stream->replicas, stream->replicas == 1 ? "y" : "ies", want->replicas);
        return false;
    }
    return true;
}

/* What it takes and when it lets go. */
static bool judge_keeping(struct report *report, const struct stream_want *want, const struct broker_stream *stream)
{
    const char *missing = first_missing(want, stream);
    bool good = true;
    if (strcmp(stream->retention, want->retention) != 0) {
        report_add(report, LEVEL_FAIL, want->about, remove_it, "%s: retention %s, not %s", want->holds,
                   stream->retention, want->retention);
        good = false;
    }
    if (strcmp(stream->discard, "new") != 0) {
        report_add(report, LEVEL_FAIL, want->about, stream->ours ? "restart stead serve, which sets it" : remove_it,
                   "discard %s: when it is full it drops %s without a word", stream->discard, want->holds);
        good = false;
    }
    if (missing != NULL) {
        report_add(report, LEVEL_FAIL, want->about, stream->ours ? "restart stead serve, which adds it" : remove_it,
                   "takes %.120s, and not %s", stream->subjects, missing);
        good = false;
    }
    if (takes_more(want, stream)) {
        report_add(report, LEVEL_WARN, want->about, "take those subjects away: they count against its limits",
                   "also takes what is no request: %.160s", stream->subjects);
        good = false;
    }
    return good;
}

void judge_stream(struct report *report, const struct stream_want *want, const struct broker_stream *stream)
{
    char age[SPAN_BYTES];
    bool good = judge_keeping(report, want, stream);
    good = judge_age(report, want, stream) && good;
    good = judge_copies(report, want, stream) && good;
    if (good && !stream->ours) {
        report_add(report, LEVEL_WARN, want->about, "it fits, and Stead never changes it: keep it so by hand",
                   "%s: not made by Stead", want->holds);
    } else if (good) {
        span_text(stream->age_max_ns, age);
        report_add(report, LEVEL_OK, want->about, NULL,
                   "%s: %s, %s storage, discard %s, kept %s%s, %u cop%s, %" PRIu64 " stored", want->holds,
                   stream->retention, stream->storage, stream->discard, stream->age_max_ns > 0 ? "for " : "",
                   stream->age_max_ns > 0 ? age : "forever", stream->replicas, stream->replicas == 1 ? "y" : "ies",
                   stream->messages);
    }
}
