/* All memory of the model, taken once. */
#include <stdlib.h>
#include <string.h>

#include "sim/jet.h"

bool jet_init(struct jet *jet, const struct jet_settings *settings, const struct jet_hooks *hooks)
{
    memset(jet, 0, sizeof(*jet));
    jet->settings = *settings;
    jet->hooks = *hooks;
    jet->messages = malloc(settings->history_max * sizeof(*jet->messages)); /* cleared one by one, by jet_publish() */
    jet->pulls = calloc(JET_PULLS_MAX, sizeof(*jet->pulls));
    jet->stored = calloc(settings->requests_max, sizeof(*jet->stored));
    jet->ledger = calloc(settings->requests_max, sizeof(*jet->ledger));
    jet->known_ns = calloc(settings->requests_max, sizeof(*jet->known_ns));
    jet->known_sequence = calloc(settings->requests_max, sizeof(*jet->known_sequence));
    jet->latest = calloc(settings->requests_max, sizeof(*jet->latest));
    jet->forgotten = calloc(settings->requests_max, sizeof(*jet->forgotten));
    jet->taken = calloc(settings->requests_max, sizeof(*jet->taken));
    jet->queued = calloc(settings->requests_max, sizeof(*jet->queued));
    jet->book = calloc(settings->requests_max, sizeof(*jet->book));
    jet->books[BOOK_NONE] = settings->requests_max;
    if (jet->messages == NULL || jet->pulls == NULL || jet->stored == NULL || jet->ledger == NULL ||
        jet->known_ns == NULL || jet->known_sequence == NULL || jet->latest == NULL || jet->forgotten == NULL ||
        jet->taken == NULL || jet->queued == NULL || jet->book == NULL) {
        jet_free(jet);
        return false;
    }
    for (uint32_t index = 0; index < JET_PULLS_MAX; index++) {
        jet->pulls[index].next = index + 1 < JET_PULLS_MAX ? index + 2 : 0;
    }
    jet->pull_free = 1;
    return true;
}

void jet_free(struct jet *jet)
{
    free(jet->messages);
    free(jet->pulls);
    free(jet->stored);
    free(jet->ledger);
    free(jet->known_ns);
    free(jet->known_sequence);
    free(jet->latest);
    free(jet->forgotten);
    free(jet->taken);
    free(jet->queued);
    free(jet->book);
    memset(jet, 0, sizeof(*jet));
}
