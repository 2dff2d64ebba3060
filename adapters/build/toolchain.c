/* Finds a language's tool in a fixed order, so that two builds on one machine never use different ones, and asks it for
 * its version. */
#include "adapters/build/build.h"

#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tool {
    const char *name;
    const char *variable;
};

static const struct tool tools[BUILD_LANGUAGE_COUNT] = {
    [BUILD_C] = { "cc", "STEAD_CC" },
    [BUILD_PYTHON] = { "python3", "STEAD_PYTHON" },
};

static bool path_try(char path[BUILD_PATH_BYTES_MAX], const char *folder, size_t folder_length, const char *name)
{
    int length = snprintf(path, BUILD_PATH_BYTES_MAX, "%.*s/%s", (int)folder_length, folder, name);
    return length > 0 && length < BUILD_PATH_BYTES_MAX && path[0] == '/' && access(path, X_OK) == 0;
}

static bool path_search(char path[BUILD_PATH_BYTES_MAX], const char *name)
{
    if (path_try(path, "/usr/bin", strlen("/usr/bin"), name)) {
        return true;
    }
    const char *folders = getenv("PATH");
    while (folders != NULL && folders[0] != 0) {
        size_t length = strcspn(folders, ":");
        if (path_try(path, folders, length, name)) {
            return true;
        }
        folders += length + (folders[length] == ':');
    }
    return false;
}

static bool toolchain_locate(const struct tool *tool, struct build_toolchain *toolchain)
{
    const char *chosen = getenv(tool->variable);
    if (chosen != NULL && chosen[0] != 0) {
        snprintf(toolchain->path, sizeof toolchain->path, "%s", chosen);
        if (chosen[0] == '/' && access(chosen, X_OK) == 0) {
            return true;
        }
        snprintf(toolchain->problem, sizeof toolchain->problem, "%s=%.160s is not the absolute path of a program",
                 tool->variable, chosen);
        return false;
    }
    if (path_search(toolchain->path, tool->name)) {
        return true;
    }
    snprintf(toolchain->problem, sizeof toolchain->problem,
             "no %s in /usr/bin or PATH; install it, or set %s to its path", tool->name, tool->variable);
    return false;
}

void build_toolchain_find(struct spawner *spawner, enum build_language language, struct build_toolchain *ret_toolchain)
{
    *ret_toolchain = (struct build_toolchain){ 0 };
    if (!toolchain_locate(&tools[language], ret_toolchain)) {
        return;
    }
    const char *argv[] = { ret_toolchain->path, "--version", NULL };
    struct spawner_program program = { .argv = argv };
    struct spawner_run_options options = { .time_limit_ms = 10000, .output_bytes_max = 1024 };
    struct spawner_run_result run;
    int result = spawner_run(spawner, &program, &options, &run);
    if (result != 0) {
        snprintf(ret_toolchain->problem, sizeof ret_toolchain->problem, "%.160s can't be run: %s", ret_toolchain->path,
                 strerror(-result));
        return;
    }
    if (run.exit.status == 0) {
        snprintf(ret_toolchain->version, sizeof ret_toolchain->version, "%.*s", (int)strcspn(run.output, "\r\n"),
                 run.output);
        ret_toolchain->available = true;
    } else {
        snprintf(ret_toolchain->problem, sizeof ret_toolchain->problem, "%.160s --version failed", ret_toolchain->path);
    }
    free(run.output);
}
