/* Open addressing, never more than half full; entries are not taken out. */
#include "sim/fork.h"

#include <stdlib.h>

static struct fork_entry *place_of(const struct fork_map *map, enum fork_kind kind, struct key key)
{
    uint32_t at = (uint32_t)draw(key.hi, key.lo, (uint64_t)kind, 0) & (map->capacity - 1);
    const struct fork_entry *entry = &map->row[at];
    while (entry->kind != FORK_NONE && (entry->kind != kind || entry->hi != key.hi || entry->lo != key.lo)) {
        at = (at + 1) & (map->capacity - 1);
        entry = &map->row[at];
    }
    return &map->row[at];
}

static bool map_grow(struct fork_map *map)
{
    struct fork_map larger = { .capacity = map->capacity == 0 ? 256 : map->capacity * 2, .count = map->count };
    larger.row = calloc(larger.capacity, sizeof(*larger.row));
    if (larger.row == NULL) {
        return false;
    }
    for (uint32_t at = 0; at < map->capacity; at++) {
        const struct fork_entry *entry = &map->row[at];
        if (entry->kind != FORK_NONE) {
            struct key key = { entry->hi, entry->lo };
            *place_of(&larger, (enum fork_kind)entry->kind, key) = *entry;
        }
    }
    free(map->row);
    *map = larger;
    return true;
}

bool fork_map_put(struct fork_map *map, enum fork_kind kind, struct key key, uint64_t value)
{
    if (map->count * 2 >= map->capacity && !map_grow(map)) {
        return false;
    }
    struct fork_entry *entry = place_of(map, kind, key);
    map->count += entry->kind == FORK_NONE;
    *entry = (struct fork_entry){ key.hi, key.lo, value, (uint32_t)kind };
    return true;
}

uint64_t fork_map_get(const struct fork_map *map, enum fork_kind kind, struct key key)
{
    return map->capacity == 0 ? 0 : place_of(map, kind, key)->value;
}
