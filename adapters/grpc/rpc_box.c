/* Copies an answer, with all that it points to, into one block of memory, so that the loop may forget its own at once.
 * The same walk runs twice: once to measure, once to copy. Runs on the loop thread; pure but for allocation. */
#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/grpc/rpc_inside.h"

/* Bump allocation in the one block of an answer; the first pass only measures (at is NULL). */
struct block {
    uint8_t *at;
    size_t used;
};

static void *block_take(struct block *block, size_t size)
{
    size_t start = block->used;
    block->used += (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    return block->at ? block->at + start : NULL;
}

static void copy_bytes(struct block *block, struct bytes *bytes)
{
    void *to = block_take(block, bytes->length);
    if (!to)
        return;
    if (bytes->length > 0)
        memcpy(to, bytes->at, bytes->length);
    bytes->at = to;
}

static void copy_pairs(struct block *block, struct rpc_answer *answer)
{
    struct rpc_pair *pairs = block_take(block, answer->pair_count * sizeof *pairs);
    for (size_t i = 0; i < answer->pair_count; i++) {
        struct rpc_pair pair = answer->pairs[i];
        copy_bytes(block, &pair.key);
        copy_bytes(block, &pair.value);
        if (pairs)
            pairs[i] = pair;
    }
    if (pairs)
        answer->pairs = pairs;
}

static void copy_aliases(struct block *block, struct rpc_function *function)
{
    for (size_t i = 0; i < function->alias_count; i++) {
        struct rpc_alias *alias = &function->aliases[i];
        assert(alias->route_count <= RPC_ROUTES_MAX);
        copy_bytes(block, &alias->name);
        for (size_t r = 0; r < alias->route_count; r++)
            copy_bytes(block, &alias->routes[r].version);
    }
}

static void copy_functions(struct block *block, struct rpc_answer *answer)
{
    struct rpc_function *functions = block_take(block, answer->function_count * sizeof *functions);
    for (size_t i = 0; i < answer->function_count; i++) {
        struct rpc_function one = answer->functions[i];
        struct bytes *texts[] = { &one.language, &one.name, &one.version, &one.state, &one.message, &one.digest };
        assert(one.alias_count <= RPC_ALIASES_MAX);
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            copy_bytes(block, texts[t]);
        copy_aliases(block, &one);
        if (functions)
            functions[i] = one;
    }
    if (functions)
        answer->functions = functions;
}

static void copy_versions(struct block *block, struct rpc_answer *answer)
{
    struct rpc_version *versions = block_take(block, answer->version_count * sizeof *versions);
    for (size_t i = 0; i < answer->version_count; i++) {
        struct rpc_version one = answer->versions[i];
        assert(one.alias_count <= RPC_ALIASES_MAX);
        copy_bytes(block, &one.version);
        copy_bytes(block, &one.digest);
        for (size_t a = 0; a < one.alias_count; a++)
            copy_bytes(block, &one.aliases[a]);
        if (versions)
            versions[i] = one;
    }
    if (versions)
        answer->versions = versions;
}

static void copy_rollout(struct block *block, struct rpc_answer *answer)
{
    if (!answer->rollout)
        return;
    struct rpc_rollout copy = *answer->rollout;
    struct rpc_rollout *to = block_take(block, sizeof *to);
    struct rpc_instance_rollout *instances = block_take(block, copy.instance_count * sizeof *instances);
    copy_bytes(block, &copy.name);
    copy_bytes(block, &copy.version);
    for (size_t i = 0; i < copy.instance_count; i++) {
        struct rpc_instance_rollout one = copy.instances[i];
        copy_bytes(block, &one.instance);
        copy_bytes(block, &one.state);
        copy_bytes(block, &one.message);
        if (instances)
            instances[i] = one;
    }
    if (!to)
        return;
    copy.instances = instances;
    *to = copy;
    answer->rollout = to;
}

static void copy_languages(struct block *block, struct rpc_instance *instance)
{
    struct bytes *languages = block_take(block, instance->language_count * sizeof *languages);
    for (size_t i = 0; i < instance->language_count; i++) {
        struct bytes one = instance->languages[i];
        copy_bytes(block, &one);
        if (languages)
            languages[i] = one;
    }
    if (languages)
        instance->languages = languages;
}

static void copy_instances(struct block *block, struct rpc_answer *answer)
{
    struct rpc_instance *instances = block_take(block, answer->instance_count * sizeof *instances);
    for (size_t i = 0; i < answer->instance_count; i++) {
        struct rpc_instance one = answer->instances[i];
        copy_bytes(block, &one.name);
        copy_bytes(block, &one.state);
        copy_bytes(block, &one.version);
        copy_languages(block, &one);
        if (instances)
            instances[i] = one;
    }
    if (instances)
        answer->instances = instances;
}

static void copy_queues(struct block *block, struct rpc_answer *answer)
{
    struct rpc_queue *queues = block_take(block, answer->queue_count * sizeof *queues);
    for (size_t i = 0; i < answer->queue_count; i++) {
        struct rpc_queue one = answer->queues[i];
        copy_bytes(block, &one.name);
        copy_bytes(block, &one.language);
        if (queues)
            queues[i] = one;
    }
    if (queues)
        answer->queues = queues;
}

static void copy_letters(struct block *block, struct rpc_answer *answer)
{
    struct rpc_letter *letters = block_take(block, answer->letter_count * sizeof *letters);
    for (size_t i = 0; i < answer->letter_count; i++) {
        struct rpc_letter one = answer->letters[i];
        struct bytes *texts[] = { &one.request_id, &one.function,     &one.reason, &one.cause,
                                  &one.causes,     &one.error,        &one.exit,   &one.redriven_as,
                                  &one.stderr_end, &one.content_type, &one.data };
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
            copy_bytes(block, texts[t]);
        if (letters)
            letters[i] = one;
    }
    if (letters)
        answer->letters = letters;
}

static void copy_answer(struct block *block, struct rpc_answer *answer)
{
    struct bytes *texts[] = { &answer->request_id,  &answer->packed_event,    &answer->text,    &answer->type,
                              &answer->error_class, &answer->reason,          &answer->outcome, &answer->function,
                              &answer->version,     &answer->violation_field, &answer->cause,   &answer->causes };
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
        copy_bytes(block, texts[t]);
    copy_pairs(block, answer);
    copy_functions(block, answer);
    copy_versions(block, answer);
    copy_rollout(block, answer);
    copy_instances(block, answer);
    copy_queues(block, answer);
    copy_letters(block, answer);
}

struct rpc_answer_box *rpc_box_new(const struct rpc_answer *answer)
{
    struct block measure = { 0 };
    struct rpc_answer copy = *answer;
    block_take(&measure, sizeof(struct rpc_answer_box));
    copy_answer(&measure, &copy);
    struct block block = { .at = malloc(measure.used) };
    if (!block.at)
        return NULL;
    struct rpc_answer_box *box = block_take(&block, sizeof *box);
    *box = (struct rpc_answer_box){ .answer = *answer, .bytes = measure.used };
    copy_answer(&block, &box->answer);
    assert(block.used == measure.used);
    return box;
}
