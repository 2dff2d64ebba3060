/* What users read on stderr, and how text from elsewhere is shown.
 *
 * Every message of the command line goes through here: colour only on a terminal and without NO_COLOR, control
 * characters of strangers replaced (they could steer the terminal). Main thread. */
#ifndef STEAD_CLI_SAY_H
#define STEAD_CLI_SAY_H

#include "adapters/event/event.h"

#include <stdio.h>

enum colour { COLOUR_NONE, COLOUR_RED, COLOUR_YELLOW, COLOUR_GREEN, COLOUR_DIM, COLOUR_BOLD };

/* "stead: ..." and a line end. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One line without a name before it. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The command to try now: "next   stead ...". */
void say_next(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Text of a stranger, all of it, with '?' for control characters but line ends and tabs. */
void say_text(FILE *out, struct bytes text);
/* The text without blanks and line ends behind it. */
struct bytes say_trimmed(struct bytes text);
/* The escape that begins (or, for COLOUR_NONE, ends) a colour; "" where there is no colour. */
const char *say_colour(FILE *out, enum colour colour);
/* A time for people, "87 ms" or "33.8 s". */
void say_ms(FILE *out, double ms);
/* Columns of the terminal behind `out`; 100 if it is none. */
int say_columns(FILE *out);

#endif
