/* Widths count code points, which is right for all that is not double-width or combining. */
#include "cli/table.h"

#include "cli/say.h"

#include <assert.h>

static bool starts_character(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

static int width_of(struct bytes text)
{
    int width = 0;
    for (size_t i = 0; i < text.length; i++) {
        width += starts_character(text.at[i]);
    }
    return width;
}

/* Writes at most `width` characters and fills up to `width` with blanks if `fill`. A line end becomes a blank. */
static void cell_print(FILE *out, struct bytes text, int width, bool fill)
{
    int written = 0;
    bool cut = width_of(text) > width;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = text.at[i];
        if (starts_character(byte) && ++written > width - cut) {
            written--;
            break;
        }
        fputc(byte == '\n' || byte == '\t' ? ' ' : byte < ' ' || byte == 0x7f ? '?' : byte, out);
    }
    if (cut) {
        fputs("…", out);
        written++;
    }
    for (; fill && written < width; written++) {
        fputc(' ', out);
    }
}

void table_print(FILE *out, const struct bytes *cells, size_t rows, size_t columns)
{
    int widths[TABLE_COLUMNS_MAX] = { 0 }, room = say_columns(out);
    assert(columns <= TABLE_COLUMNS_MAX);
    for (size_t i = 0; i < rows * columns; i++) {
        int width = width_of(cells[i]);
        widths[i % columns] = width > widths[i % columns] ? width : widths[i % columns];
    }
    for (size_t column = 0; column + 1 < columns; column++) {
        room -= widths[column] + 2;
    }
    if (widths[columns - 1] > room) {
        widths[columns - 1] = room > 8 ? room : 8;
    }
    for (size_t row = 0; row < rows; row++) {
        fputs(row == 0 ? say_colour(out, COLOUR_DIM) : "", out);
        for (size_t column = 0; column < columns; column++) {
            bool last = column + 1 == columns;
            cell_print(out, cells[row * columns + column], widths[column], !last);
            fputs(last ? "" : "  ", out);
        }
        fputs(row == 0 ? say_colour(out, COLOUR_NONE) : "", out);
        fputc('\n', out);
    }
}
