/* What a command of `stead` is, and its words and options once they were read.
 *
 * commands.c has the one table; from it come the parser (arguments.c), every help text and docs/reference/cli.md
 * (help.c), man pages (man.c) and what shells complete (completion.c). A command gets its arguments checked: known
 * options only, a value where one is due, the right number of words. It writes data to stdout and everything else to
 * stderr, and returns one of the exit codes below.
 *
 * Threads: commands run on the main thread, which has forked the spawner before (if the command asks for it).
 * Ownership: texts of struct arguments are borrowed from argv. */
#ifndef STEAD_CLI_COMMAND_H
#define STEAD_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, number, when */
#define EXIT_CODES(X)                                                                                                  \
    X(DONE, 0, "done; the function succeeded")                                                                         \
    X(SAID_NO, 1, "the function returned an error, the code did not build, the request had ended, or a check failed")  \
    X(USAGE, 2, "wrong usage: an unknown option, file or function, or an invalid event")                               \
    X(UNAVAILABLE, 69, "Stead or the broker is not there, or a port is in use; the function did not start")            \
    X(TRY_AGAIN, 75, "try again later: queue full, deadline passed, outcome unknown, no result yet")                   \
    X(NOT_PERMITTED, 77, "not permitted")                                                                              \
    X(CONFIGURATION, 78, "the configuration or a manifest is wrong")

enum exit_code {
#define EXIT_CODE_ENUM(code, number, when) EXIT_##code = number,
    EXIT_CODES(EXIT_CODE_ENUM)
#undef EXIT_CODE_ENUM
};

/* What stands for a value or a word tells shells how to complete it: FILE, PROGRAM, DIR, FUNCTION (a deployed one),
 * COMMAND, or the choices themselves as a|b|c. Any other is free text. */
struct option {
    const char *name;  /* without the dashes */
    char letter;       /* 0: none */
    const char *value; /* what the help calls it, see below; NULL: the option takes none */
    const char *help;
};

struct arguments;

struct command {
    const char *name;  /* "invoke", "function ls" */
    const char *words; /* "NAME", "[DIR...]" */
    uint32_t words_min, words_max;
    const char *help;  /* one line */
    const char *about; /* paragraphs, wrapped at 100 columns; may be NULL */
    const char *example;
    const struct option *options; /* ends with a name of NULL */
    bool spawner;                 /* fork one before any thread exists */
    int (*run)(const struct arguments *arguments);
    int (*run_raw)(int argc, char **argv); /* instead of `run`: reads its own options; argv[0] is the last name */
};

extern const struct command commands[]; /* ends with a name of NULL */

enum { ARGUMENTS_MAX = 256 };

struct spawner;

struct arguments {
    const struct command *command;
    struct spawner *spawner; /* NULL unless the command asked for it */
    const char *words[ARGUMENTS_MAX];
    uint32_t word_count;
    struct {
        const struct option *option;
        const char *value; /* NULL for options that take none */
    } options[ARGUMENTS_MAX];
    uint32_t option_count;
    bool help; /* --help was among them */
};

/* Finds the command that argv begins with; *ret_used is how many of argv are its name. NULL if there is none. */
const struct command *command_find(int argc, char *const *argv, int *ret_used);
/* Reads what follows the name. On false a line on stderr has said what is wrong and what may be meant. */
bool arguments_read(const struct command *command, int argc, char *const *argv, struct arguments *ret_arguments);
/* The last value of an option, or `otherwise`. */
const char *arguments_text(const struct arguments *arguments, const char *option, const char *otherwise);
bool arguments_has(const struct arguments *arguments, const char *option);
/* "250ms", "5s", "1m", "2h", "1.5s"; false if it is none or not above zero. */
bool arguments_duration(const char *text, int64_t *ret_ns);
/* How many edits lead from one text to another, at most `limit`. */
uint32_t arguments_distance(const char *a, const char *b, uint32_t limit);
/* Says that no command begins like this, with the nearest one. */
void command_unknown(int argc, char *const *argv);

#endif
