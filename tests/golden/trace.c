/* Golden traces: conversations between cores and their world, kept as text.
 *
 * golden-trace [--update] FILE...
 *
 * A trace holds its own script. `[ 30] a1 < result R7` tells instance a1 a fact at 30 ms, `[ 5000] --` lets time
 * pass, `a1 = resize@1 retries 2` puts a1 on the stage with that function ready (facts and effects of that are not
 * shown), and all lines of the form `[ 30] a1 > ...` are what the core does. The program plays the script, writes
 * those lines anew, and compares: exit 1 and the first difference, or, with --update, the file is rewritten. */
#include "tests/golden/stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static struct words split(char *text)
{
    struct words words = { .count = 0 };
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL && words.count < WORDS;
         word = strtok_r(NULL, " ", &rest)) {
        words.word[words.count++] = word;
    }
    return words;
}

static void tell_text(struct stage *stage, struct actor *actor, const char *text)
{
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    struct words words = split(copy);
    if (words.count == 0) {
        stage_fail(stage, "an empty fact", text);
    }
    stage_tell(stage, actor, &words);
}

/* "resize@1 retries 2": deployed, built, its consumer there, its first worker up; nothing of it is written down. */
static void prepare(struct stage *stage, struct actor *actor, const char *text)
{
    char line[256], name[NAME_SIZE];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, " "), text);
    actor->silent = true;
    if (!actor->core->link_up) {
        tell_text(stage, actor, "link up");
    }
    snprintf(line, sizeof line, "deploy %s", text);
    tell_text(stage, actor, line);
    snprintf(line, sizeof line, "consumer %s", name);
    tell_text(stage, actor, line);
    snprintf(line, sizeof line, "built %s", name);
    tell_text(stage, actor, line);
    snprintf(line, sizeof line, "ready w%u", actor->workers_count);
    tell_text(stage, actor, line);
    actor->silent = false;
}

/* Plays one line; effects follow it in the output. */
/* A time that is too large for 64 bits is its writer's mistake, which the comparison of the traces shows. */
/* NOLINTBEGIN(cert-err34-c) */
static void play(struct stage *stage, const char *line)
{
    char actor[NAME_SIZE], sign[4];
    uint64_t at_ms;
    int taken = 0;
    if (sscanf(line, "%31s = %n", actor, &taken) == 1 && taken > 0 && line[0] == 'a') {
        fprintf(stage->out, "%s\n", line);
        prepare(stage, stage_actor(stage, actor), line + taken);
    } else if (line[0] != '[') {
        fprintf(stage->out, "%s\n", line);
    } else if (sscanf(line, "[%" SCNu64 "] --%n", &at_ms, &taken) == 1 && taken > 0) {
        stage_wait(stage, at_ms);
        fprintf(stage->out, "[%6" PRIu64 "] --%s\n", at_ms, line + taken);
    } else if (sscanf(line, "[%" SCNu64 "] %31s %3s %n", &at_ms, actor, sign, &taken) == 3 && strcmp(sign, "<") == 0) {
        stage_wait(stage, at_ms);
        fprintf(stage->out, "[%6" PRIu64 "] %s < %s\n", at_ms, actor, line + taken);
        tell_text(stage, stage_actor(stage, actor), line + taken);
    } else if (strcmp(sign, ">") != 0) {
        stage_fail(stage, "not a line of a trace", line);
    }
}
/* NOLINTEND(cert-err34-c) */

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (file == NULL || getdelim(&text, &size, '\0', file) < 0) {
        fprintf(stderr, "%s: can't be read\n", path);
        exit(2);
    }
    fclose(file);
    return text;
}

static char *play_all(const char *text)
{
    struct stage *stage = calloc(1, sizeof *stage);
    char *played = NULL, *copy = strdup(text);
    size_t size = 0;
    stage->out = open_memstream(&played, &size);
    for (char *line = copy, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        stage->line++;
        play(stage, line);
    }
    fclose(stage->out);
    for (uint32_t i = 0; i < ACTORS; i++) {
        free(stage->actors[i].core);
    }
    free(copy);
    free(stage);
    return played;
}

static void show_difference(const char *path, const char *expected, const char *played)
{
    uint32_t line = 1;
    size_t start = 0, at = 0;
    for (; expected[at] != '\0' && expected[at] == played[at]; at++) {
        if (expected[at] == '\n') {
            line++;
            start = at + 1;
        }
    }
    fprintf(stderr, "%s:%u: the core does something else\n  kept: %.*s\n  now:  %.*s\n", path, line,
            (int)strcspn(expected + start, "\n"), expected + start, (int)strcspn(played + start, "\n"), played + start);
    fprintf(stderr, "if that is right: golden-trace --update %s, and read the difference\n", path);
}

static int write_all(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        fprintf(stderr, "%s: can't be written\n", path);
        return 2;
    }
    return 0;
}

static int check(const char *path, bool update)
{
    char *expected = read_all(path);
    char *played = play_all(expected);
    int code = 0;
    if (strcmp(expected, played) != 0) {
        code = update ? write_all(path, played) : 1;
        if (!update) {
            show_difference(path, expected, played);
        }
    }
    free(expected);
    free(played);
    return code;
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    int code = argc > 1 + update ? 0 : 2;
    if (code != 0) {
        fprintf(stderr, "golden-trace [--update] FILE...\n");
    }
    for (int i = 1 + update; i < argc; i++) {
        int one = check(argv[i], update);
        code = one > code ? one : code;
    }
    return code;
}
