/* How processes died: exit status or signal, and the last that they wrote to stderr. Kept for the deliveries that ran
 * in such a process, until they are settled, and for its function, until one of its processes answers again. */
#include "serve/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct death *death_hold(struct death *death)
{
    if (death != NULL) {
        death->holders++;
    }
    return death;
}

void death_drop(struct death **death)
{
    if (*death != NULL && --(*death)->holders == 0) {
        free(*death);
    }
    *death = NULL;
}

/* Characters that are not UTF-8, and a first one that was cut, become '?'. */
static void said_clean(struct death *death)
{
    if (cloudevents_utf8_valid((struct bytes){ (const uint8_t *)death->said, death->said_length })) {
        return;
    }
    for (size_t i = 0; i < death->said_length; i++) {
        death->said[i] = (uint8_t)death->said[i] < 0x80 ? death->said[i] : '?';
    }
}

static struct death *death_make(const struct plugin_event *event)
{
    struct death *death = calloc(1, sizeof *death);
    if (death == NULL) {
        return NULL;
    }
    size_t most = sizeof death->said, length = event->text.length < most ? event->text.length : most;
    death->exit_status = event->exit_status;
    death->exit_signal = event->exit_signal;
    death->said_length = length;
    if (length > 0) {
        memcpy(death->said, event->text.at + event->text.length - length, length);
    }
    said_clean(death);
    return death;
}

void death_note(struct instance *instance, const struct plugin_event *event, struct function_side *function)
{
    struct death *death = death_make(event);
    if (death == NULL) {
        return;
    }
    death->holders = 1;
    for (uint32_t row = 0; row < SERVE_DELIVERIES_MAX; row++) {
        struct ran *ran = &instance->ran[row];
        if (ran->worker == event->worker && ran->version[0] != '\0') {
            death_drop(&ran->death);
            ran->death = death_hold(death);
        }
    }
    death_drop(&function->death);
    function->death = death;
}

const struct death *death_of(const struct instance *instance, const struct effect *effect)
{
    bool died = effect->cause == CAUSE_CRASH || effect->cause == CAUSE_OUT_OF_MEMORY ||
                effect->cause == CAUSE_INVALID_OUTPUT || effect->cause == CAUSE_NOT_STARTED;
    if (!died || effect->end == END_SUCCEEDED || handle_table(effect->about) != TABLE_DELIVERY) {
        return NULL;
    }
    const struct ran *ran = &instance->ran[handle_index(effect->about)];
    const struct function_side *function = &instance->functions[handle_index(effect->other)];
    return ran->death != NULL ? ran->death : function->used ? function->death : NULL;
}

void death_sentence(const struct death *death, char ret_text[DEATH_SENTENCE_BYTES])
{
    ret_text[0] = '\0';
    if (death == NULL) {
        return;
    }
    size_t used =
        (size_t)(death->exit_signal != 0
                     ? snprintf(ret_text, DEATH_SENTENCE_BYTES, "the function's process was ended by signal %d (%s)",
                                death->exit_signal, strsignal(death->exit_signal))
                     : snprintf(ret_text, DEATH_SENTENCE_BYTES, "the function's process ended with status %d",
                                death->exit_status));
    size_t end = death->said_length;
    while (end > 0 && (death->said[end - 1] == '\n' || death->said[end - 1] == ' ')) {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && death->said[begin - 1] != '\n' && end - begin < 300) {
        begin--;
    }
    if (end > begin && used < DEATH_SENTENCE_BYTES) { /* Its last line says most. */
        snprintf(ret_text + used, DEATH_SENTENCE_BYTES - used, ": %.*s", (int)(end - begin), death->said + begin);
    }
}

uint64_t death_oom_kills(void)
{
    static const char name[] = "oom_kill ";
    char line[128];
    uint64_t count = 0;
    FILE *file = fopen("/proc/vmstat", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, sizeof name - 1) == 0) {
            count = strtoull(line + sizeof name - 1, NULL, 10);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* Told by signs, since no system says it: the kernel killed somebody for want of memory and this was killed, its memory
 * was near the limit, or it said so itself. A SIGKILL alone is somebody's doing: a crash. */
enum reason death_reason(const struct plugin_event *event, int64_t memory_bytes_max, uint64_t *oom_kills_seen)
{
    enum { SIGNAL_KILL = 9 };
    static const char words[] = "out of memory";
    if (event->start_error != 0) {
        return REASON_PLUGIN_NOT_STARTED;
    }
    bool ended = event->exit_signal != 0 || event->exit_status != 0, by_kernel = false;
    bool near_limit = memory_bytes_max > 0 && event->exit_memory_bytes_max > (uint64_t)memory_bytes_max / 8 * 7;
    bool says = event->text.length >= sizeof words - 1 &&
                memmem(event->text.at, event->text.length, words, sizeof words - 1) != NULL;
    if (event->exit_signal == SIGNAL_KILL) {
        uint64_t oom_kills = death_oom_kills();
        by_kernel = oom_kills != *oom_kills_seen;
        *oom_kills_seen = oom_kills;
    }
    return ended && (by_kernel || near_limit || says) ? REASON_OUT_OF_MEMORY : REASON_PLUGIN_CRASHED;
}
