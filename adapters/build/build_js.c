/* JavaScript: every file is parsed (node --check), nothing is run. The SDK's runner imports the entry; functions find
 * the package @stead/sdk because node looks into node_modules of all folders above a file: ours lies beside src, so a
 * function's own node_modules stays as it came. Packages: see packages_js.c. */
#include "adapters/build/packages_js.h"
#include "adapters/build/step.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { JS_FILES_MAX = 200 };

static bool is_module_folder(const char *path)
{
    return strncmp(path, "node_modules/", strlen("node_modules/")) == 0 || strstr(path, "/node_modules/") != NULL;
}

static bool is_javascript(const char *path)
{
    return !is_module_folder(path) &&
           (source_has_suffix(path, ".js") || source_has_suffix(path, ".mjs") || source_has_suffix(path, ".cjs"));
}

static bool entry_take(struct build *build, const char *stem, const char *suffix)
{
    char path[BUILD_PATH_BYTES_MAX];
    int length = snprintf(path, sizeof path, "%s%s", strncmp(stem, "./", 2) == 0 ? stem + 2 : stem, suffix);
    if (length >= (int)sizeof path || !build_has_file(build, path)) {
        return false;
    }
    snprintf(build->entry, sizeof build->entry, "%s", path);
    return true;
}

/* What package.json names, resolved as require() would; false if it names what isn't there. */
static bool entry_named(struct build *build, const char *main)
{
    return entry_take(build, main, "") || entry_take(build, main, ".js") || entry_take(build, main, "/index.js") ||
           build_refuse(build, "package.json says \"main\": \"%.200s\", which is not in the folder", main);
}

static bool entry_usual(struct build *build)
{
    static const char *const names[] = { "main.js", "main.mjs", "main.cjs", "index.js", "index.mjs", "index.cjs" };
    bool typescript = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (entry_take(build, names[i], "")) {
            return true;
        }
    }
    for (size_t i = 0; i < build->source.count; i++) {
        const char *path = build->source.files[i].path;
        typescript = typescript || (source_has_suffix(path, ".ts") && !is_module_folder(path));
    }
    if (typescript) {
        return build_refuse(build,
                            "the folder holds only TypeScript, which is not compiled here: deploy the main.js that tsc "
                            "makes of it, or name it by \"main\" in package.json");
    }
    return build_refuse(
        build, "the folder holds no main.js, main.mjs, main.cjs or index.js, and no package.json with a \"main\"");
}

static bool js_look(struct build *build)
{
    cJSON *package = NULL;
    if (!packages_js_read(build, &package)) {
        return false;
    }
    const char *main = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(package, "main"));
    bool good = main != NULL && main[0] != 0 ? entry_named(build, main) : entry_usual(build);
    cJSON_Delete(package);
    return good;
}

/* node reads the nearest package.json above a file: without one here, a stranger's above the cache would count. */
static bool js_link_sdk(struct build *build)
{
    char path[BUILD_FULL_PATH_BYTES];
    if (!build_write_text(build, "package.json", "{\"private\":true}\n")) {
        return false;
    }
    snprintf(path, sizeof path, "%s/node_modules", build->work);
    bool good = mkdir(path, 0700) == 0;
    snprintf(path, sizeof path, "%s/node_modules/@stead", build->work);
    good = good && mkdir(path, 0700) == 0;
    snprintf(path, sizeof path, "%s/node_modules/@stead/sdk", build->work);
    if (!good || symlink("../../sdk", path) != 0) {
        build_end(build, BUILD_BROKEN, "the SDK can't be linked into the artifact: %s", strerror(errno));
        return false;
    }
    return true;
}

static bool js_check(struct build *build)
{
    size_t files = 0;
    for (size_t i = 0; i < build->source.count; i++) {
        char path[BUILD_PATH_BYTES_MAX + 2];
        if (!is_javascript(build->source.files[i].path)) {
            continue;
        }
        if (++files > JS_FILES_MAX) {
            return build_refuse(build, "more than %d JavaScript files outside node_modules: bundle them", JS_FILES_MAX);
        }
        snprintf(path, sizeof path, "./%s", build->source.files[i].path);
        const char *argv[] = { build->toolchain.path, "--check", path, NULL };
        if (!build_run(build, &(struct build_tool){ .argv = argv, .folder = "src" })) {
            build_cut(build, "\n    at checkSyntax"); /* node's own stack */
            return false;
        }
    }
    return true;
}

static bool js_compile(struct build *build)
{
    return js_link_sdk(build) && js_check(build) && packages_js_install(build);
}

static bool js_command(struct build *build)
{
    const char *directory = build->result->directory;
    return build_argument(build, "%s", build->toolchain.path) && build_argument(build, "%s/sdk/run.cjs", directory) &&
           build_argument(build, "%s/src/%s", directory, build->entry);
}

const struct build_steps build_steps_js = {
    .sdk = "js", .look = js_look, .compile = js_compile, .command = js_command
};
