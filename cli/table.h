/* A table for people: columns as wide as their cells, the last one cut so that a row fits the terminal. */
#ifndef STEAD_CLI_TABLE_H
#define STEAD_CLI_TABLE_H

#include "adapters/event/event.h"

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 8 };

/* `cells` holds `rows` times `columns` borrowed texts, the first row is the heading. Control characters go. */
void table_print(FILE *out, const struct bytes *cells, size_t rows, size_t columns);

#endif
