/* Queue groups: `function.<language>` is the set of that language's consumers, and an entry of queue.groups holds the
 * defaults of its functions. What the broker or the core keeps only once (the age, the ack wait and the length of the
 * queue) is drawn together here into one value for all. */
#include "adapters/config/config_internal.h"
#include "adapters/cloudevents/names.h"

#include <inttypes.h>
#include <string.h>

enum { TEXT_BYTES = 64 };

static const struct config_spelling by_group_age = { CONFIG_LEAST, "queue.groups[].maxAge", "queue.timeout", "" };
static const struct config_spelling by_group_ack_wait = { CONFIG_LEAST, "queue.groups[].ackWait", "queue.ackWait", "" };
static const struct config_spelling by_group_pending = { CONFIG_LEAST, "queue.groups[].maxPending", "queue.maxPending",
                                                         "" };

static const struct config_origin *origin_of(const struct config_group *group, const char *path)
{
    return &group->origins[config_key_find(&group_table, path) - group_table.keys];
}

static bool given(const struct config_group *group, const char *path)
{
    return origin_of(group, path)->source != CONFIG_FROM_DEFAULT;
}

static int64_t number_of(const struct config_group *group, const char *path)
{
    return *(const int64_t *)((const char *)group + config_key_find(&group_table, path)->offset);
}

static void name_group(const struct config_groups *groups, size_t index, struct config_problems *problems)
{
    struct config_group *group = &groups->items[index];
    enum cloudevents_language language;
    const char *place = origin_of(group, "name")->where;
    const char *word = group->name;
    bool prefixed = strncmp(word, "function.", 9) == 0;
    word += prefixed ? 9 : 0;
    group->language = strcmp(word, "javascript") == 0 ? "js" : word;
    if (place == NULL) {
        config_problem(problems, "queue.groups[%zu] has no name: write name: function.<language>", index);
        return;
    }
    if (!prefixed || !cloudevents_language_find(bytes_of(group->language), &language)) {
        config_problem(
            problems,
            "%s: queue.groups[%zu]: name \"%.60s\": write function.<language>, with one of " CLOUDEVENTS_LANGUAGE_WORDS,
            place, index, group->name);
    }
    for (size_t i = 0; i < index; i++) {
        if (strcmp(groups->items[i].language, group->language) == 0) {
            config_problem(problems, "%s: queue.groups[%zu]: \"%.60s\" has an entry already: keep one", place, index,
                           group->name);
        }
    }
}

static void adopt(struct config *config, const char *path, const struct config_spelling *spelling, int64_t value,
                  const struct config_origin *from)
{
    const struct config_key *key = config_key_find(&config_table, path);
    *(int64_t *)((char *)config + key->offset) = value;
    config->book->origins[key - config_table.keys] = *from;
    config->book->origins[key - config_table.keys].spelling = spelling;
}

/* The least that the groups and the key itself say becomes the key's. */
static void draw_together(struct config *config, const char *path, const struct config_spelling *spelling,
                          const char *member)
{
    const struct config_key *key = config_key_find(&config_table, path);
    const struct config_origin *least_from = config_origin_of(config, path);
    bool any = least_from->source != CONFIG_FROM_DEFAULT, differ = false, grouped = false;
    int64_t least = *(const int64_t *)((const char *)config + key->offset);
    char text[TEXT_BYTES];
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        const struct config_group *group = &config->queue_groups.items[i];
        if (!given(group, member)) {
            continue;
        }
        int64_t value = number_of(group, member);
        differ = differ || (any && value != least);
        if (!any || value < least) {
            least = value;
            least_from = origin_of(group, member);
            grouped = true;
        }
        any = true;
    }
    config_write_duration(least, text, sizeof text);
    if (differ) {
        config_add_note(config->book,
                        "%s: queue.groups: one %s holds for all functions: %s, the smallest that is given (%s)",
                        least_from->where, member, text, path);
    }
    if (grouped) {
        adopt(config, path, spelling, least, least_from);
    }
}

static void add_pending(struct config *config)
{
    int64_t sum = 0;
    const struct config_origin *from = NULL;
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        const struct config_group *group = &config->queue_groups.items[i];
        if (given(group, "maxPending")) {
            from = from == NULL ? origin_of(group, "maxPending") : from;
            sum += group->pending_max;
        }
    }
    if (from == NULL) {
        return;
    }
    bool said = config_origin_of(config, "queue.maxPending")->source != CONFIG_FROM_DEFAULT;
    int64_t holds = said ? config->queue_pending_max : sum < 10000000 ? sum : 10000000;
    config_add_note(config->book,
                    "%s: queue.groups: maxPending: the queue is bounded as a whole, not by language: %" PRId64
                    ", %s (queue.maxPending)",
                    from->where, holds, said ? "as said there" : "the sum of the groups");
    if (!said) {
        adopt(config, "queue.maxPending", &by_group_pending, holds, from);
    }
}

void config_note_group_retries(struct config *config)
{
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        const struct config_group *group = &config->queue_groups.items[i];
        int64_t attempts = config_retries_of(config, group) + 1;
        if (given(group, "maxDeliver") && group->deliveries_max != attempts) {
            config_add_note(config->book,
                            "%s: %s: maxDeliver %" PRId64 ": maxRetries is given too and holds: %" PRId64
                            " attempts in all",
                            origin_of(group, "maxDeliver")->where, group->name, group->deliveries_max, attempts);
        }
    }
}

void config_settle_groups(struct config *config, struct config_problems *problems)
{
    size_t before = problems->count;
    for (size_t i = 0; i < config->queue_groups.count; i++) {
        name_group(&config->queue_groups, i, problems);
    }
    if (problems->count != before) {
        return;
    }
    draw_together(config, "queue.timeout", &by_group_age, "maxAge");
    draw_together(config, "queue.ackWait", &by_group_ack_wait, "ackWait");
    add_pending(config);
}
