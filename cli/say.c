/* Lines are written whole by stdio's unbuffered stderr; colours are looked up by one rule: a terminal, no NO_COLOR, and
 * TERM is not "dumb". */
#include "cli/say.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 100, COLUMNS_MIN = 40, MS_SHOWN_MAX = 10000 };

const char *say_colour(FILE *out, enum colour colour)
{
    static const char *const escapes[] = {
        [COLOUR_NONE] = "\033[0m",   [COLOUR_RED] = "\033[31m", [COLOUR_YELLOW] = "\033[33m",
        [COLOUR_GREEN] = "\033[32m", [COLOUR_DIM] = "\033[2m",  [COLOUR_BOLD] = "\033[1m"
    };
    const char *unwanted = getenv("NO_COLOR"), *terminal = getenv("TERM");
    bool plain = (unwanted != NULL && unwanted[0] != '\0') || (terminal != NULL && strcmp(terminal, "dumb") == 0);
    return plain || !isatty(fileno(out)) ? "" : escapes[colour];
}

void say_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%sstead:%s ", say_colour(stderr, COLOUR_RED), say_colour(stderr, COLOUR_NONE));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void say_next(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%snext%s     ", say_colour(stderr, COLOUR_DIM), say_colour(stderr, COLOUR_NONE));
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void say_text(FILE *out, struct bytes text)
{
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = text.at[i];
        bool control = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f;
        fputc(control ? '?' : c, out);
    }
}

struct bytes say_trimmed(struct bytes text)
{
    while (text.length > 0 && (text.at[text.length - 1] == '\n' || text.at[text.length - 1] == ' ')) {
        text.length--;
    }
    return text;
}

void say_ms(FILE *out, double ms)
{
    fprintf(out, ms < MS_SHOWN_MAX ? "%.0f ms" : "%.1f s", ms < MS_SHOWN_MAX ? ms : ms / 1000);
}

int say_columns(FILE *out)
{
    struct winsize size = { 0 };
    const char *named = getenv("COLUMNS");
    int columns = named != NULL ? (int)strtol(named, NULL, 10) : 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        columns = size.ws_col;
    }
    return columns >= COLUMNS_MIN ? columns : COLUMNS_DEFAULT;
}
