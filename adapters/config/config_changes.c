/* What a changed file means for a running service: the keys that differ, which of them need a restart, and the mixture
 * that can hold now. */
#include "adapters/config/config_internal.h"

#include <string.h>

static bool list_same(const struct config_list *a, const struct config_list *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool pairs_same(const struct config_pairs *a, const struct config_pairs *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i].name, b->items[i].name) != 0 || strcmp(a->items[i].value, b->items[i].value) != 0) {
            return false;
        }
    }
    return true;
}

bool config_member_same(const struct config_key *key, const void *a, const void *b)
{
    switch (key->kind) {
    case CONFIG_STRING:
    case CONFIG_ADDRESS:
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    case CONFIG_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONFIG_CHOICE:
        return *(const int *)a == *(const int *)b;
    case CONFIG_LIST:
    case CONFIG_WORDS:
    case CONFIG_ADDRESSES:
        return list_same(a, b);
    case CONFIG_PAIRS:
        return pairs_same(a, b);
    default:
        return *(const int64_t *)a == *(const int64_t *)b;
    }
}

size_t config_member_bytes(const struct config_key *key)
{
    switch (key->kind) {
    case CONFIG_STRING:
    case CONFIG_ADDRESS:
        return sizeof(const char *);
    case CONFIG_BOOL:
        return sizeof(bool);
    case CONFIG_CHOICE:
        return sizeof(int);
    case CONFIG_LIST:
    case CONFIG_WORDS:
    case CONFIG_ADDRESSES:
        return sizeof(struct config_list);
    case CONFIG_PAIRS:
        return sizeof(struct config_pairs);
    default:
        return sizeof(int64_t);
    }
}

static bool key_same(const struct config_key *key, const void *old, const void *new)
{
    return config_member_same(key, (const char *)old + key->offset, (const char *)new + key->offset);
}

static bool group_same(const struct config_group *old, const struct config_group *new)
{
    for (size_t i = 0; i < group_table.count; i++) {
        if (old->origins[i].source != new->origins[i].source || !key_same(&group_table.keys[i], old, new)) {
            return false;
        }
    }
    return true;
}

static bool groups_same(const struct config_groups *old, const struct config_groups *new)
{
    bool same = old->count == new->count;
    for (size_t i = 0; same && i < old->count; i++) {
        same = group_same(&old->items[i], &new->items[i]);
    }
    return same;
}

size_t config_changes(const struct config *old, const struct config *new,
                      struct config_change ret_changes[CONFIG_CHANGES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < config_table.count && count < CONFIG_CHANGES_MAX; i++) {
        const struct config_key *key = &config_table.keys[i];
        if (key_same(key, old, new)) {
            continue;
        }
        struct config_change *change = &ret_changes[count++];
        *change = (struct config_change){ .path = key->path, .live = key->reload == CONFIG_LIVE };
        config_value_text(key, old, change->from, sizeof change->from);
        config_value_text(key, new, change->to, sizeof change->to);
    }
    if (!groups_same(&old->queue_groups, &new->queue_groups) && count < CONFIG_CHANGES_MAX) {
        struct config_change *change = &ret_changes[count++];
        *change = (struct config_change){ .path = "queue.groups", .live = true };
        snprintf(change->from, sizeof change->from, "%zu groups", old->queue_groups.count);
        snprintf(change->to, sizeof change->to, "%zu groups", new->queue_groups.count);
    }
    return count;
}

bool config_keep_started(struct config *config, const struct config *started, struct config_problems *problems)
{
    *problems = (struct config_problems){ 0 };
    for (size_t i = 0; i < config_table.count; i++) {
        const struct config_key *key = &config_table.keys[i];
        if (key->reload == CONFIG_RESTART) {
            memcpy((char *)config + key->offset, (const char *)started + key->offset, config_member_bytes(key));
        }
    }
    config_check_values(config, problems);
    return problems->count == 0;
}
