/* Finds a language's tool in a fixed order, so that two builds on one machine never use different ones, and asks it for
 * its version. */
#include "adapters/build/build.h"

#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct tool {
    const char *name; /* NULL: none is needed */
    const char *variable;
    const char *usual;          /* a folder that is often not in a service's PATH; may be NULL */
    const char *version_option; /* makes it print its version */
    const char *version_before; /* what stands before the number */
    unsigned major_min, minor_min;
};

static const struct tool tools[BUILD_LANGUAGE_COUNT] = {
    [BUILD_C] = { "cc", "STEAD_CC", NULL, "--version", NULL, 0, 0 },
    [BUILD_GO] = { "go", "STEAD_GO", "/usr/local/go/bin", "version", "go version go", 1, 22 },
    [BUILD_JS] = { "node", "STEAD_NODE", "/usr/local/bin", "--version", "v", 18, 0 },
    [BUILD_PYTHON] = { "python3", "STEAD_PYTHON", NULL, "--version", "Python ", 3, 9 },
};

static bool path_try(char path[BUILD_PATH_BYTES_MAX], const char *folder, size_t folder_length, const char *name)
{
    int length = snprintf(path, BUILD_PATH_BYTES_MAX, "%.*s/%s", (int)folder_length, folder, name);
    return length > 0 && length < BUILD_PATH_BYTES_MAX && path[0] == '/' && access(path, X_OK) == 0;
}

static bool path_search(char path[BUILD_PATH_BYTES_MAX], const struct tool *tool)
{
    if (path_try(path, "/usr/bin", strlen("/usr/bin"), tool->name)) {
        return true;
    }
    const char *folders = getenv("PATH");
    while (folders != NULL && folders[0] != 0) {
        size_t length = strcspn(folders, ":");
        if (path_try(path, folders, length, tool->name)) {
            return true;
        }
        folders += length + (folders[length] == ':');
    }
    return tool->usual != NULL && path_try(path, tool->usual, strlen(tool->usual), tool->name);
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
    if (path_search(toolchain->path, tool)) {
        return true;
    }
    snprintf(toolchain->problem, sizeof toolchain->problem,
             "no %s in /usr/bin%s%s or PATH; install it, or set %s to its path", tool->name,
             tool->usual != NULL ? ", " : "", tool->usual != NULL ? tool->usual : "", tool->variable);
    return false;
}

/* Old ones are refused here rather than by errors that nobody understands later. What can't be read passes. */
static bool version_suffices(const struct tool *tool, struct build_toolchain *toolchain)
{
    char *end = NULL;
    const char *at = tool->version_before != NULL ? strstr(toolchain->version, tool->version_before) : NULL;
    if (at == NULL) {
        return true;
    }
    unsigned long major = strtoul(at + strlen(tool->version_before), &end, 10);
    unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    if (major > tool->major_min || (major == tool->major_min && minor >= tool->minor_min)) {
        return true;
    }
    snprintf(toolchain->problem, sizeof toolchain->problem,
             "%.100s is %lu.%lu; %u.%u or later is needed (%s names another)", toolchain->path, major, minor,
             tool->major_min, tool->minor_min, tool->variable);
    return false;
}

static void toolchain_none(struct build_toolchain *ret_toolchain)
{
    struct utsname machine;
    *ret_toolchain = (struct build_toolchain){ .available = true };
    if (uname(&machine) == 0) {
        snprintf(ret_toolchain->version, sizeof ret_toolchain->version, "%.60s %.60s", machine.sysname,
                 machine.machine);
    }
}

void build_toolchain_find(struct spawner *spawner, enum build_language language, struct build_toolchain *ret_toolchain)
{
    const struct tool *tool = &tools[language];
    if (tool->name == NULL) {
        toolchain_none(ret_toolchain);
        return;
    }
    *ret_toolchain = (struct build_toolchain){ 0 };
    if (!toolchain_locate(tool, ret_toolchain)) {
        return;
    }
    const char *argv[] = { ret_toolchain->path, tool->version_option, NULL };
    const char *env[] = { "GOTOOLCHAIN=local", "GOENV=off", NULL };
    struct spawner_program program = { .argv = argv, .env = env };
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
        ret_toolchain->available = version_suffices(tool, ret_toolchain);
    } else {
        snprintf(ret_toolchain->problem, sizeof ret_toolchain->problem, "%.160s %s failed", ret_toolchain->path,
                 tool->version_option);
    }
    free(run.output);
}
