/* Texts as numbers: each distinct text is kept once, and equal texts have equal numbers.
 *
 * A table with open addressing holds numbers; it is at most half full and doubles. Texts lie one after the other and
 * end in a zero byte. Numbers count up in the order in which texts were first met. */
#include "check/history.h"

#include <stdlib.h>
#include <string.h>

enum { TABLE_FIRST = 1 << 10 };

/* Eight bytes at a time; only where a text lies in the table depends on it. */
static uint64_t text_hash(const char *text, size_t length)
{
    uint64_t hash = length, word;
    for (size_t at = 0; at < length; at += sizeof(word)) {
        word = 0;
        memcpy(&word, text + at, length - at < sizeof(word) ? length - at : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return hash;
}

bool symbols_begin(struct symbols *symbols)
{
    symbols->table = calloc(TABLE_FIRST, sizeof(*symbols->table));
    symbols->table_size = symbols->table != NULL ? TABLE_FIRST : 0;
    symbols->count = 1; /* 0 is no text */
    return symbols->table != NULL;
}

void symbols_free(struct symbols *symbols)
{
    free(symbols->table);
    free(symbols->start);
    free(symbols->bytes);
}

const char *symbols_text(const struct symbols *symbols, uint32_t symbol)
{
    return symbol == 0 || symbol >= symbols->count ? "" : symbols->bytes + symbols->start[symbol];
}

static bool symbols_table_grow(struct symbols *symbols)
{
    uint32_t size = symbols->table_size * 2;
    uint32_t *table = calloc(size, sizeof(*table));
    if (table == NULL) {
        return false;
    }
    for (uint32_t symbol = 1; symbol < symbols->count; symbol++) {
        const char *text = symbols_text(symbols, symbol);
        uint32_t place = (uint32_t)text_hash(text, strlen(text)) & (size - 1);
        while (table[place] != 0) {
            place = (place + 1) & (size - 1);
        }
        table[place] = symbol;
    }
    free(symbols->table);
    symbols->table = table;
    symbols->table_size = size;
    return true;
}

static bool symbols_room(struct symbols *symbols, size_t length)
{
    if (symbols->count >= symbols->count_max) {
        uint32_t max = symbols->count_max * 2 + 256;
        uint64_t *start = max < symbols->count_max ? NULL : realloc(symbols->start, max * sizeof(*start));
        if (start == NULL) {
            return false;
        }
        symbols->start = start;
        symbols->count_max = max;
    }
    if (symbols->bytes_used + length + 1 > symbols->bytes_max) {
        uint64_t max = symbols->bytes_max * 2 + length + 4096;
        char *bytes = realloc(symbols->bytes, max);
        if (bytes == NULL) {
            return false;
        }
        symbols->bytes = bytes;
        symbols->bytes_max = max;
    }
    return symbols->count < symbols->table_size / 2 || symbols_table_grow(symbols);
}

uint32_t symbols_of(struct symbols *symbols, const char *text, size_t length)
{
    if (length == 0) {
        return 0;
    }
    if (!symbols_room(symbols, length)) {
        return NOTHING;
    }
    uint32_t place = (uint32_t)text_hash(text, length) & (symbols->table_size - 1);
    while (symbols->table[place] != 0) {
        const char *there = symbols_text(symbols, symbols->table[place]);
        if (strncmp(there, text, length) == 0 && there[length] == 0) {
            return symbols->table[place];
        }
        place = (place + 1) & (symbols->table_size - 1);
    }
    uint32_t symbol = symbols->count++;
    symbols->table[place] = symbol;
    symbols->start[symbol] = symbols->bytes_used;
    memcpy(symbols->bytes + symbols->bytes_used, text, length);
    symbols->bytes[symbols->bytes_used + length] = 0;
    symbols->bytes_used += length + 1;
    return symbol;
}
