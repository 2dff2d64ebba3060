/* Feeds the journal. One call before each step: it digests what the step before asked for (the list is still there),
 * and stores the input. When a file is full, the core is copied to the head of the next one. */
#include "serve/recorder.h"

#include "adapters/journal/journal.h"
#include "serve/core_digest.h"
#include "serve/instance.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct recorder {
    struct journal *journal;
    uint64_t steps; /* recorded so far */
};

enum { PAGE = 4096, FOLDER_BYTES = 1040, ERROR_BYTES = 1400 };

/* Fields lie without gaps up to the last one, so their bytes are their meaning. */
#define EFFECT_BYTES (offsetof(struct effect, create_only) + sizeof(uint8_t))
_Static_assert(EFFECT_BYTES == 83, "struct effect has no padding between its fields");

uint64_t recorder_digest(const struct effects *effects)
{
    uint64_t digest = effects->count;
    for (uint32_t i = 0; i < effects->count; i++) {
        digest = XXH3_64bits_withSeed(&effects->list[i], EFFECT_BYTES, digest);
    }
    return digest;
}

const char *recorder_build(void)
{
    return STEAD_CORE_DIGEST;
}

void recorder_start(struct instance *instance, const struct limits *limits, const struct settings *settings,
                    uint64_t seed)
{
    const struct config *config = instance->config;
    if (!config->journal_enabled) {
        return;
    }
    char folder[FOLDER_BYTES], error[ERROR_BYTES] = "out of memory";
    snprintf(folder, sizeof folder, "%s/journal", config->store_directory);
    struct recorder_setup setup = { *limits, sizeof(struct input), *settings };
    uint64_t file_bytes = (uint64_t)config->journal_bytes / (uint64_t)config->journal_files / PAGE * PAGE;
    struct journal_options options = { .folder = folder,
                                       .file_bytes = file_bytes,
                                       .files = (uint32_t)config->journal_files,
                                       .behaviour = CORE_BEHAVIOUR,
                                       .body_bytes = sizeof(struct input),
                                       .snapshot_bytes = core_size(limits),
                                       .seed = seed,
                                       .build = recorder_build(),
                                       .instance = instance->name,
                                       .setup = &setup,
                                       .setup_bytes = sizeof setup };
    struct recorder *recorder = calloc(1, sizeof *recorder);
    if (recorder != NULL) {
        recorder->journal = journal_create(&options, error, sizeof error);
    }
    if (recorder == NULL || recorder->journal == NULL) {
        free(recorder);
        log_warn("serve.journal", "nothing is recorded", LOG_TEXT("error", error));
        return;
    }
    instance->recorder = recorder;
    log_debug("serve.journal", "recording", LOG_TEXT("folder", folder), LOG_U64("file_bytes", file_bytes));
}

static void recorder_turn(struct recorder *recorder, const struct core *core)
{
    uint64_t state = core_hash(core);
    core_copy(journal_turn(recorder->journal, state), core);
    journal_begin(recorder->journal, recorder->steps + 1, state);
}

void recorder_input(struct instance *instance, const struct input *input)
{
    struct recorder *recorder = instance->recorder;
    if (recorder == NULL) {
        return;
    }
    if (journal_full(recorder->journal)) {
        recorder_turn(recorder, instance->core);
    }
    recorder->steps++;
    if (recorder->steps % RECORDER_HASH_STEPS == 0) {
        journal_write(recorder->journal, RECORDER_HASHED, core_hash(instance->core), input);
    } else {
        journal_write(recorder->journal, RECORDER_PLAIN, recorder_digest(instance->effects), input);
    }
}

void recorder_stop(struct instance *instance)
{
    if (instance->recorder != NULL) {
        journal_close(instance->recorder->journal, core_hash(instance->core));
        free(instance->recorder);
        instance->recorder = NULL;
    }
}
