/* Intrusive doubly linked lists of row indices. One node is in at most one list; both ends are O(1). */
#ifndef STEAD_CORE_LIST_H
#define STEAD_CORE_LIST_H

#include "core/state.h"

/* Nodes live in rows of one pool, at a fixed offset: the list functions are told both. */
struct node_place {
    const struct pool *pool;
    uint32_t offset;
};

static inline struct node *node_at(struct core *core, struct node_place place, uint32_t index)
{
    return (struct node *)((char *)pool_row(core, place.pool, index) + place.offset);
}

static inline void list_add_last(struct core *core, struct list *list, struct node_place place, uint32_t index)
{
    struct node *node = node_at(core, place, index);
    ASSERT(!node->linked);
    *node = (struct node){ .before = list->last, .after = NOWHERE, .linked = true };
    if (list->last == NOWHERE) {
        list->first = index;
    } else {
        node_at(core, place, list->last)->after = index;
    }
    list->last = index;
    list->count++;
}

static inline void list_add_first(struct core *core, struct list *list, struct node_place place, uint32_t index)
{
    struct node *node = node_at(core, place, index);
    ASSERT(!node->linked);
    *node = (struct node){ .before = NOWHERE, .after = list->first, .linked = true };
    if (list->first == NOWHERE) {
        list->last = index;
    } else {
        node_at(core, place, list->first)->before = index;
    }
    list->first = index;
    list->count++;
}

static inline void list_remove(struct core *core, struct list *list, struct node_place place, uint32_t index)
{
    struct node *node = node_at(core, place, index);
    ASSERT(node->linked);
    ASSERT(list->count > 0);
    if (node->before == NOWHERE) {
        list->first = node->after;
    } else {
        node_at(core, place, node->before)->after = node->after;
    }
    if (node->after == NOWHERE) {
        list->last = node->before;
    } else {
        node_at(core, place, node->after)->before = node->before;
    }
    node->linked = false;
    list->count--;
}

#define LIST_EMPTY ((struct list){ .first = NOWHERE, .last = NOWHERE })

#endif
