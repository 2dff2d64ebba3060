/* What each shell wants to be told of the table. bash gets three lists a command and decides itself; zsh gets specs for
 * its _arguments; fish gets one `complete` line for each option. */
#include "cli/completion.h"

#include <stdio.h>
#include <string.h>

enum { NOUN_BYTES = 32 };

static bool is_noun(const struct command *command)
{
    return strchr(command->name, ' ') != NULL;
}

/* The first part of a command's name; false if a command before it has the same. */
static bool noun_of(const struct command *command, char ret_noun[NOUN_BYTES])
{
    size_t length = strcspn(command->name, " ");
    for (const struct command *other = commands; other->name != NULL && other < command; other++) {
        if (strncmp(other->name, command->name, length) == 0 && strcspn(other->name, " ") == length) {
            return false;
        }
    }
    snprintf(ret_noun, NOUN_BYTES, "%.*s", (int)length, command->name);
    return true;
}

/* The part behind the noun, or NULL if the command is not one of its verbs. */
static const char *verb_below(const struct command *command, const char *noun)
{
    size_t length = strlen(noun);
    return strncmp(command->name, noun, length) == 0 && command->name[length] == ' ' ? command->name + length + 1
                                                                                     : NULL;
}

static void verbs_print(const char *noun, const char *separator)
{
    bool first = true;
    for (const struct command *command = commands; command->name != NULL; command++) {
        const char *verb = verb_below(command, noun);
        if (verb != NULL) {
            printf("%s%s", first ? "" : separator, verb);
            first = false;
        }
    }
}

/* Text between single quotes; `special` characters get a backslash. */
static void quoted_print(const char *text, const char *special)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", stdout);
        } else {
            fputs(strchr(special, *text) != NULL ? "\\" : "", stdout);
            putchar(*text);
        }
    }
}

static const struct option *options_of(const struct command *command)
{
    static const struct option none = { 0 };
    return command->options == NULL ? &none : command->options;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* -- bash ---------------------------------------------------------------------------------------------------------- */

static void bash_first(void)
{
    char noun[NOUN_BYTES];
    const char *separator = "";
    fputs("    first='", stdout);
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (noun_of(command, noun)) {
            printf("%s%s", separator, noun);
            separator = " ";
        }
    }
    puts("'");
}

static void bash_nouns(void)
{
    char noun[NOUN_BYTES];
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (is_noun(command) && noun_of(command, noun)) {
            printf("    %s) echo '", noun);
            verbs_print(noun, " ");
            puts("' ;;");
        }
    }
}

static void bash_command(const struct command *command)
{
    char place[COMPLETION_PLACE_BYTES];
    size_t cursor = 0;
    printf("    '%s')\n        options='", command->name);
    for (const struct option *option = options_of(command); option->name != NULL; option++) {
        printf("--%s ", option->name);
    }
    fputs("'\n        values='", stdout);
    for (const struct option *option = options_of(command); option->name != NULL; option++) {
        if (option->value != NULL && option->letter != 0) {
            printf("-%c=%s ", option->letter, option->value);
        }
        if (option->value != NULL) {
            printf("--%s=%s ", option->name, option->value);
        }
    }
    fputs("'\n        places='", stdout);
    while (completion_place(command->words, &cursor, place)) {
        printf("%s ", place);
    }
    puts("'\n        ;;");
}

static void each_command(void (*print)(const struct command *command))
{
    for (const struct command *command = commands; command->name != NULL; command++) {
        print(command);
    }
}

static void bash_commands(void)
{
    each_command(bash_command);
}

/* -- zsh ----------------------------------------------------------------------------------------------------------- */

static void zsh_verbs(void)
{
    char noun[NOUN_BYTES];
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (!noun_of(command, noun)) {
            continue;
        }
        printf("        '%s:", noun);
        if (is_noun(command)) {
            verbs_print(noun, ", ");
        } else {
            quoted_print(command->help, ":");
        }
        puts("'");
    }
}

static void zsh_nouns(void)
{
    char noun[NOUN_BYTES];
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (!is_noun(command) || !noun_of(command, noun)) {
            continue;
        }
        printf("    %s)\n        if ((CURRENT == 3)); then\n            local -a verbs\n            verbs=(\n", noun);
        for (const struct command *each = commands; each->name != NULL; each++) {
            const char *verb = verb_below(each, noun);
            if (verb != NULL) {
                printf("                '%s:", verb);
                quoted_print(each->help, ":");
                puts("'");
            }
        }
        printf("            )\n            _describe -t commands 'stead %s' verbs\n            return\n        fi\n"
               "        name=\"%s $words[3]\"\n        taken=2\n        ;;\n",
               noun, noun);
    }
}

/* ":DIR:_files -/" */
static void zsh_action(const char *place)
{
    putchar(':');
    quoted_print(place, ":[]");
    putchar(':');
    if (strchr(place, '|') != NULL) {
        putchar('(');
        for (const char *at = place; *at != '\0'; at++) {
            putchar(*at == '|' ? ' ' : *at);
        }
        putchar(')');
    } else if (begins(place, "FILE") || begins(place, "PROGRAM")) {
        fputs("_files", stdout);
    } else if (begins(place, "DIR")) {
        fputs("_files -/", stdout);
    } else if (begins(place, "FUNCTION")) {
        fputs("_stead_functions", stdout);
    } else if (begins(place, "COMMAND")) {
        fputs("_stead_verbs", stdout);
    } else {
        putchar(' ');
    }
}

static void zsh_option(const struct option *option)
{
    bool repeated = strstr(option->help, "may be repeated") != NULL;
    const char *equals = option->value == NULL ? "" : "=";
    fputs("            ", stdout);
    if (option->letter != 0 && !repeated) {
        printf("'(-%c --%s)'", option->letter, option->name);
    } else if (repeated) {
        fputs("'*'", stdout);
    }
    if (option->letter != 0) {
        printf("{-%c%s,--%s%s}", option->letter, option->value == NULL ? "" : "+", option->name, equals);
    } else {
        printf("--%s%s", option->name, equals);
    }
    fputs("'[", stdout);
    quoted_print(option->help, ":[]\\");
    putchar(']');
    if (option->value != NULL) {
        zsh_action(option->value);
    }
    puts("' \\");
}

static void zsh_command(const struct command *command)
{
    char place[COMPLETION_PLACE_BYTES];
    size_t cursor = 0;
    printf("    '%s')\n        _arguments -s \\\n", command->name);
    for (const struct option *option = options_of(command); option->name != NULL; option++) {
        zsh_option(option);
    }
    for (int number = 1; completion_place(command->words, &cursor, place); number++) {
        if (strstr(place, "...") != NULL) {
            fputs("            '*", stdout);
        } else {
            printf("            '%d", number);
        }
        zsh_action(place);
        puts("' \\");
    }
    puts("            '(- *)'{-h,--help}'[explain it]'\n        ;;");
}

static void zsh_commands(void)
{
    each_command(zsh_command);
}

/* -- fish ---------------------------------------------------------------------------------------------------------- */

static void fish_offer(const char *place)
{
    if (strchr(place, '|') != NULL) {
        fputs(" -x -a '", stdout);
        for (const char *at = place; *at != '\0'; at++) {
            putchar(*at == '|' ? ' ' : *at);
        }
        putchar('\'');
    } else if (begins(place, "FILE") || begins(place, "PROGRAM")) {
        fputs(" -r -F", stdout);
    } else if (begins(place, "DIR")) {
        fputs(" -x -a '(__fish_complete_directories)'", stdout);
    } else if (begins(place, "FUNCTION")) {
        fputs(" -x -a '(__stead_functions)'", stdout);
    } else {
        fputs(" -x", stdout);
    }
}

static void fish_option(const struct command *command, const struct option *option)
{
    printf("complete -c stead -n '__stead_at %s' -l %s", command->name, option->name);
    if (option->letter != 0) {
        printf(" -s %c", option->letter);
    }
    if (option->value != NULL) {
        fish_offer(option->value);
    }
    fputs(" -d '", stdout);
    quoted_print(option->help, "\\");
    puts("'");
}

static void fish_command(const struct command *command)
{
    char place[COMPLETION_PLACE_BYTES];
    size_t cursor = 0;
    const char *space = strchr(command->name, ' ');
    int noun = space == NULL ? 0 : (int)(space - command->name);
    printf("complete -c stead -n '__stead_due%s%.*s' -a %s -d '", noun > 0 ? " " : "", noun, command->name,
           space == NULL ? command->name : space + 1);
    quoted_print(command->help, "\\");
    puts("'");
    for (const struct option *option = options_of(command); option->name != NULL; option++) {
        fish_option(command, option);
    }
    printf("complete -c stead -n '__stead_at %s' -l help -s h -d 'explain it'\n", command->name);
    while (completion_place(command->words, &cursor, place)) {
        printf("complete -c stead -n '__stead_at %s'", command->name);
        fish_offer(place);
        putchar('\n');
    }
}

static void fish_commands(void)
{
    char noun[NOUN_BYTES];
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (is_noun(command) && noun_of(command, noun)) {
            printf("complete -c stead -n '__stead_due' -a %s -d '", noun);
            verbs_print(noun, ", ");
            puts("'");
        }
    }
    each_command(fish_command);
}

const struct completion_emitter completion_emitters[] = {
    { "bash", "first", bash_first },       { "bash", "nouns", bash_nouns },
    { "bash", "commands", bash_commands }, { "zsh", "verbs", zsh_verbs },
    { "zsh", "nouns", zsh_nouns },         { "zsh", "commands", zsh_commands },
    { "fish", "commands", fish_commands }, { NULL, NULL, NULL },
};
