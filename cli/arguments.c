/* Options may stand anywhere after the command's name, as `--name value`, `--name=value`, `-n value` or `-nvalue`;
 * after `--` everything is a word. A single `-` is a word too, or the value of an option. What is not in the command's
 * table is refused with the nearest option that is. */
#include "cli/command.h"

#include "cli/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISTANCE_TEXT_MAX = 48 };

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

uint32_t arguments_distance(const char *a, const char *b, uint32_t limit)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    uint32_t row[DISTANCE_TEXT_MAX + 1];
    if (length_a > DISTANCE_TEXT_MAX || length_b > DISTANCE_TEXT_MAX) {
        return limit;
    }
    for (uint32_t j = 0; j <= length_b; j++) {
        row[j] = j;
    }
    for (uint32_t i = 1; i <= length_a; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= length_b; j++) {
            uint32_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replaced, least(row[j], row[j - 1]) + 1);
        }
    }
    return least(row[length_b], limit);
}

/* How far two texts may be apart and still be meant. */
static uint32_t tolerance(const char *text)
{
    return (uint32_t)(strlen(text) / 3 + 1);
}

/* -- commands ------------------------------------------------------------------------------------------------------ */

/* Whether `name` is argv[0], or argv[0] and argv[1] with a space between. Gives the number of parts, or 0. */
static int name_matches(const char *name, int argc, char *const *argv)
{
    const char *space = strchr(name, ' ');
    size_t first = space == NULL ? strlen(name) : (size_t)(space - name);
    if (argc < 1 || strlen(argv[0]) != first || strncmp(argv[0], name, first) != 0) {
        return 0;
    }
    if (space == NULL) {
        return 1;
    }
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

const struct command *command_find(int argc, char *const *argv, int *ret_used)
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        int used = name_matches(command->name, argc, argv);
        if (used > 0) {
            *ret_used = used;
            return command;
        }
    }
    return NULL;
}

static const char *command_nearest(const char *typed)
{
    const char *nearest = NULL;
    uint32_t best = tolerance(typed) + 1;
    for (const struct command *command = commands; command->name != NULL; command++) {
        uint32_t distance = arguments_distance(typed, command->name, best);
        if (distance < best) {
            best = distance;
            nearest = command->name;
        }
    }
    return nearest;
}

/* Among the verbs of a noun, however far the other commands are. */
static const char *command_nearest_below(const char *noun, const char *verb)
{
    size_t length = strlen(noun);
    const char *nearest = NULL;
    uint32_t best = tolerance(verb) + 1;
    for (const struct command *command = commands; verb[0] != '\0' && command->name != NULL; command++) {
        bool below = strncmp(command->name, noun, length) == 0 && command->name[length] == ' ';
        uint32_t distance = below ? arguments_distance(verb, command->name + length + 1, best) : best;
        if (distance < best) {
            best = distance;
            nearest = command->name;
        }
    }
    return nearest;
}

/* The verbs below a noun: "function" has ls, get and rm. False if it is no noun. */
static bool say_verbs(const char *noun, const char *verb)
{
    size_t length = strlen(noun);
    bool found = false;
    const char *nearest = command_nearest_below(noun, verb);
    if (nearest != NULL) {
        fprintf(stderr, "       did you mean: stead %s\n", nearest);
        return true;
    }
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strncmp(command->name, noun, length) == 0 && command->name[length] == ' ') {
            fprintf(stderr, "%s%s", found ? ", " : "       one of: stead ", command->name);
            found = true;
        }
    }
    fputs(found ? "\n" : "", stderr);
    return found;
}

void command_unknown(int argc, char *const *argv)
{
    char typed[2 * DISTANCE_TEXT_MAX];
    bool second = argc > 1 && argv[1][0] != '-';
    snprintf(typed, sizeof typed, "%.40s%s%.40s", argv[0], second ? " " : "", second ? argv[1] : "");
    const char *nearest = command_nearest(typed);
    if (nearest == NULL) {
        nearest = command_nearest(argv[0]);
    }
    say_error("there is no command \"%s\"", typed);
    if (say_verbs(argv[0], second ? argv[1] : "")) {
        return;
    }
    if (nearest != NULL) {
        fprintf(stderr, "       did you mean: stead %s\n", nearest);
    } else {
        fprintf(stderr, "       all commands: stead help\n");
    }
}

/* -- options ------------------------------------------------------------------------------------------------------- */

static const struct option *option_named(const struct command *command, const char *name, size_t length)
{
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0) {
            return option;
        }
    }
    return NULL;
}

static const struct option *option_lettered(const struct command *command, char letter)
{
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        if (option->letter == letter && letter != 0) {
            return option;
        }
    }
    return NULL;
}

static bool option_unknown(const struct command *command, const char *typed)
{
    const char *nearest = NULL;
    uint32_t best = tolerance(typed);
    for (const struct option *option = command->options; option != NULL && option->name != NULL; option++) {
        char name[DISTANCE_TEXT_MAX];
        snprintf(name, sizeof name, "--%s", option->name);
        uint32_t distance = arguments_distance(typed, name, best);
        if (distance < best) {
            best = distance;
            nearest = option->name;
        }
    }
    say_error("stead %s has no option %s", command->name, typed);
    if (nearest != NULL) {
        fprintf(stderr, "       did you mean: --%s\n", nearest);
    } else {
        fprintf(stderr, "       its options: stead help %s\n", command->name);
    }
    return false;
}

static bool option_add(struct arguments *arguments, const struct option *option, const char *value)
{
    arguments->options[arguments->option_count].option = option;
    arguments->options[arguments->option_count].value = value;
    arguments->option_count++;
    return true;
}

/* Reads argv[*index], which begins with a dash, and its value. */
static bool option_read(struct arguments *arguments, int argc, char *const *argv, int *index)
{
    char typed[DISTANCE_TEXT_MAX];
    const char *text = argv[*index];
    bool is_long = text[1] == '-';
    const char *equals = is_long ? strchr(text, '=') : NULL;
    size_t length = equals == NULL ? strlen(text) : (size_t)(equals - text);
    const struct option *option =
        is_long ? option_named(arguments->command, text + 2, length - 2) : option_lettered(arguments->command, text[1]);
    const char *value = equals != NULL ? equals + 1 : !is_long && text[2] != '\0' ? text + 2 : NULL;
    snprintf(typed, sizeof typed, "%.*s", (int)(length < 40 ? length : 40), text);
    if (option == NULL) {
        return option_unknown(arguments->command, typed);
    }
    if (option->value == NULL && value != NULL) {
        say_error("%s takes no value", typed);
        return false;
    }
    if (option->value != NULL && value == NULL) {
        if (*index + 1 >= argc) {
            say_error("%s needs a value: %s %s", typed, typed, option->value);
            return false;
        }
        value = argv[++*index];
    }
    return option_add(arguments, option, value);
}

static bool words_fit(const struct arguments *arguments)
{
    const struct command *command = arguments->command;
    if (arguments->word_count < command->words_min) {
        say_error("something is missing: stead %s %s", command->name, command->words);
    } else if (arguments->word_count > command->words_max) {
        say_error("\"%s\" is too much: stead %s%s%s", arguments->words[command->words_max], command->name,
                  command->words[0] == '\0' ? "" : " ", command->words);
    } else {
        return true;
    }
    fprintf(stderr, "       more: stead help %s\n", command->name);
    return false;
}

bool arguments_read(const struct command *command, int argc, char *const *argv, struct arguments *ret_arguments)
{
    bool words_only = false;
    *ret_arguments = (struct arguments){ .command = command };
    if (argc > ARGUMENTS_MAX) {
        say_error("too many arguments: at most %d", ARGUMENTS_MAX);
        return false;
    }
    for (int i = 0; i < argc; i++) {
        bool dashed = argv[i][0] == '-' && argv[i][1] != '\0' && !words_only;
        if (dashed && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (dashed && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            ret_arguments->help = true;
            return true;
        } else if (!dashed) {
            ret_arguments->words[ret_arguments->word_count++] = argv[i];
        } else if (!option_read(ret_arguments, argc, argv, &i)) {
            return false;
        }
    }
    return words_fit(ret_arguments);
}

const char *arguments_text(const struct arguments *arguments, const char *option, const char *otherwise)
{
    for (uint32_t i = arguments->option_count; i > 0; i--) {
        if (strcmp(arguments->options[i - 1].option->name, option) == 0) {
            return arguments->options[i - 1].value;
        }
    }
    return otherwise;
}

bool arguments_has(const struct arguments *arguments, const char *option)
{
    return arguments_text(arguments, option, "") == NULL;
}

bool arguments_duration(const char *text, int64_t *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = { { "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
    char *end = NULL;
    double number = text[0] >= '0' && text[0] <= '9' ? strtod(text, &end) : 0;
    for (size_t i = 0; end != NULL && i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0 && number > 0 && number * units[i].ns <= 24 * 3600e9) {
            *ret_ns = (int64_t)(number * units[i].ns);
            return *ret_ns > 0;
        }
    }
    return false;
}
