/* `stead plugin check`: starts the program once for each rule of plugin_rules.c and prints what came of it as TAP. A
 * script is run as Stead would run it: by its interpreter and the SDK's runner. */
#include "cli/plugin_check.h"

#include "adapters/loop/loop.h"
#include "cli/plugin_rules.h"
#include "cli/sdk.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMAND_MAX = 64 };

static size_t rules_count(const struct plugin_rule *rules)
{
    size_t count = 0;
    while (rules[count].name != NULL) {
        count++;
    }
    return count;
}

static int run_rules(struct subject *subject, const struct plugin_rule *rules, size_t first)
{
    int failures = 0;
    for (size_t i = 0; rules[i].name != NULL; i++) {
        const char *why = subject_start(subject) ? rules[i].run(subject) : subject->problem;
        printf("%sok %zu - %s\n", why == NULL ? "" : "not ", first + i, rules[i].name);
        if (why != NULL) {
            printf("# %s\n", why);
            failures++;
        }
        fflush(stdout);
        subject_end(subject);
    }
    return failures;
}

static int run_checks(struct subject *subject)
{
    size_t calls = rules_count(plugin_rules_of_calls);
    printf("TAP version 13\n1..%zu\n", calls + rules_count(plugin_rules_of_ends));
    int failures = run_rules(subject, plugin_rules_of_calls, 1);
    failures += run_rules(subject, plugin_rules_of_ends, calls + 1);
    return failures == 0 ? 0 : 1;
}

/* ---- the command line to run ---- */

/* suffix, interpreter, what overrides it, the SDK's language and its runner */
static const struct script {
    const char *suffix, *interpreter, *variable, *language, *runner;
} scripts[] = {
    { ".py", "python3", "STEAD_PYTHON", "python", "stead/__main__.py" },
    { ".js", "node", "STEAD_NODE", "js", "run.cjs" },
    { ".mjs", "node", "STEAD_NODE", "js", "run.cjs" },
    { ".cjs", "node", "STEAD_NODE", "js", "run.cjs" },
};

static const struct script *script_of(const char *path)
{
    const char *suffix = strrchr(path, '.');
    for (size_t i = 0; suffix != NULL && i < sizeof scripts / sizeof scripts[0]; i++) {
        if (strcmp(suffix, scripts[i].suffix) == 0) {
            return &scripts[i];
        }
    }
    return NULL;
}

/* As the builder looks: the variable, /usr/bin, PATH. */
static bool interpreter_find(const struct script *script, char ret_path[PATH_MAX])
{
    const char *named = getenv(script->variable);
    if (named != NULL && named[0] != 0) {
        snprintf(ret_path, PATH_MAX, "%s", named);
        return access(ret_path, X_OK) == 0;
    }
    snprintf(ret_path, PATH_MAX, "/usr/bin/%s", script->interpreter);
    const char *folders = getenv("PATH");
    while (access(ret_path, X_OK) != 0) {
        if (folders == NULL || folders[0] == 0) {
            return false;
        }
        size_t length = strcspn(folders, ":");
        snprintf(ret_path, PATH_MAX, "%.*s/%s", (int)length, folders, script->interpreter);
        folders += length + (folders[length] == ':');
    }
    return true;
}

/* Puts interpreter and runner before the script; how many words that are, or -1 after a message. */
static int script_command(const struct script *script, const char **ret_command)
{
    static char interpreter[PATH_MAX], runner[SDK_PATH_BYTES + 32];
    char sdk[SDK_PATH_BYTES];
    if (!interpreter_find(script, interpreter)) {
        fprintf(stderr, "stead: plugin check: no %s in /usr/bin or PATH; install it, or set %s to its path\n",
                script->interpreter, script->variable);
        return -1;
    }
    if (!sdk_find(script->language, sdk)) {
        fprintf(stderr, "stead: plugin check: the SDK for %s is not on this machine; set STEAD_SDK_DIR\n",
                script->language);
        return -1;
    }
    snprintf(runner, sizeof runner, "%s/%s", sdk, script->runner);
    ret_command[0] = interpreter;
    ret_command[1] = runner;
    return 2;
}

static bool subject_command(int argc, char **argv, const char **ret_command)
{
    static char path[PATH_MAX];
    const struct script *script = script_of(argv[0]);
    int count = script == NULL ? 0 : script_command(script, ret_command);
    if (count < 0) {
        return false;
    }
    /* Absolute, since the program runs in a folder of its own. */
    if (realpath(argv[0], path) == NULL) {
        fprintf(stderr, "stead: plugin check: %s: %s\n", argv[0], strerror(errno));
        return false;
    }
    if (argc > COMMAND_MAX - count - 1) {
        fprintf(stderr, "stead: plugin check: more than %d arguments\n", COMMAND_MAX - count - 1);
        return false;
    }
    ret_command[count++] = path;
    for (int i = 1; i < argc; i++) {
        ret_command[count++] = argv[i];
    }
    ret_command[count] = NULL;
    return true;
}

int plugin_check_main(int argc, char **argv)
{
    const char *command[COMMAND_MAX];
    if (argc < 2) {
        fprintf(stderr, "usage: stead plugin check PROGRAM [ARGUMENT…]\n");
        return 2;
    }
    if (!subject_command(argc - 1, argv + 1, command)) {
        return 2;
    }
    struct subject subject = { .argv = command, .channel_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
    int result = spawner_start(NULL, &subject.spawner);
    if (result == 0) {
        result = loop_create(&subject.loop);
    }
    if (result == 0) {
        result = spawner_attach(subject.spawner, subject.loop, subject_on_spawner_event, &subject);
    }
    if (result != 0) {
        fprintf(stderr, "stead: plugin check: %s\n", strerror(-result));
    } else {
        result = run_checks(&subject);
    }
    spawner_stop(subject.spawner);
    loop_free(subject.loop);
    free(subject.input);
    return result == 0 ? 0 : 1;
}
