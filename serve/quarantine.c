/* Functions in quarantine, as people see them: in the log, as events on function.status.<instance>, as a metric, and as
 * the state and message of `stead function get`. When one begins and ends is the core's decision; somebody's word that
 * lets a function go reaches every instance by function.release.<name>. */
#include "serve/instance.h"

#include <stdio.h>
#include <string.h>

static uint64_t seconds_left(const struct function_side *side)
{
    uint64_t now = loop_now_ns();
    return side->quarantine_until_ns > now ? (side->quarantine_until_ns - now + 999999999) / 1000000000 : 0;
}

static void quarantine_gauge(struct instance *instance, const struct function_side *side)
{
    const char *const labels[] = { side->record.language, side->record.name };
    metrics_set(metrics_series(instance->metrics, METRIC_STEAD_FUNCTION_QUARANTINED, labels),
                side->quarantine_until_ns != 0);
}

void quarantine_perform(struct instance *instance, const struct effect *effect)
{
    struct function_side *side = function_side(instance, effect->about);
    if (side == NULL) {
        return;
    }
    bool begins = effect->count != 0;
    char sentence[DEATH_SENTENCE_BYTES];
    side->quarantine_until_ns = begins ? loop_now_ns() + effect->amount : 0;
    death_sentence(side->death, sentence);
    if (begins) {
        snprintf(side->message, sizeof side->message, "its processes die again and again%s%s",
                 sentence[0] == '\0' ? "" : "; the last: ", sentence);
        log_error("function.error", "function put into quarantine: its processes die again and again",
                  LOG_TEXT("function", side->record.name), LOG_TEXT("version", side->serving),
                  LOG_TEXT("cause", cause_text((enum cause)effect->cause)),
                  LOG_U64("seconds", effect->amount / 1000000000), LOG_TEXT("last", sentence),
                  LOG_TEXT("hint", "deploy a version that works, or: stead function release NAME"));
    } else {
        side->message[0] = '\0';
        log_info("function.error", "function let out of quarantine", LOG_TEXT("function", side->record.name));
    }
    quarantine_gauge(instance, side);
    lifecycle_quarantine(instance, side, begins, sentence);
    registry_changed(instance);
}

bool quarantine_text(const struct function_side *side, char *ret_text, size_t size)
{
    char sentence[DEATH_SENTENCE_BYTES];
    if (side->quarantine_until_ns == 0) {
        return false;
    }
    death_sentence(side->death, sentence);
    snprintf(ret_text, size, "in quarantine for %llu s more: its processes die again and again%s%s",
             (unsigned long long)seconds_left(side), sentence[0] == '\0' ? "" : "; the last: ", sentence);
    return true;
}

/* The function and its routes: each has its own processes. */
static void rows_release(struct instance *instance, const char *name)
{
    for (uint32_t i = 0; i < SERVE_FUNCTIONS_MAX; i++) {
        const struct function_side *side = &instance->functions[i];
        if (side->used && strcmp(side->record.name, name) == 0) {
            struct input input = instance_input(instance, INPUT_RELEASE);
            input.as.function.name = key_of_text(instance, bytes_of(side->row));
            instance_feed(instance, &input);
        }
    }
}

void quarantine_heard(struct instance *instance, struct bytes subject)
{
    enum { PREFIX_BYTES = sizeof "function.release." - 1 };
    char name[SERVE_NAME_BYTES];
    if (subject.length > PREFIX_BYTES && subject.length - PREFIX_BYTES < sizeof name) {
        snprintf(name, sizeof name, "%.*s", (int)(subject.length - PREFIX_BYTES),
                 (const char *)subject.at + PREFIX_BYTES);
        rows_release(instance, name);
    }
}

void quarantine_let_go(struct instance *instance, const struct rpc_request *request)
{
    const struct function_side *side = admin_find(instance, request);
    if (side == NULL) {
        return;
    }
    char subject[128];
    snprintf(subject, sizeof subject, "function.release.%s", side->record.name);
    bus_publish(instance->bus, &(struct bus_publish){ .subject = subject });
    rows_release(instance, side->record.name);
    admin_answer_function(instance, request->id, side);
}
