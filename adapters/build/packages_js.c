/* npm runs in the staged source, without scripts and without development packages. @stead/sdk is never fetched: it is
 * taken out of package.json and the lock file for npm, and node finds ours (see build_js.c). A package given as a
 * folder ("file:./lib") needs no network. */
#include "adapters/build/packages_js.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char sdk_name[] = "@stead/sdk";
static const char *const kinds[] = { "dependencies", "optionalDependencies" };

struct packages {
    size_t count;
    bool missing; /* not all of them came along in node_modules */
    bool remote;  /* one that is missing is not a folder of the function */
    bool names_sdk;
    char first[128];
};

bool packages_js_read(struct build *build, cJSON **ret_package)
{
    char *text = build_read_text(build, "src/package.json");
    *ret_package = NULL;
    if (text == NULL) {
        return !build_has_file(build, "package.json") || build_refuse(build, "package.json can't be read: over 1 MiB?");
    }
    *ret_package = cJSON_Parse(text);
    free(text);
    return cJSON_IsObject(*ret_package) || build_refuse(build, "package.json is not a JSON object");
}

static bool is_folder(const char *spec)
{
    return strncmp(spec, "file:", 5) == 0 || spec[0] == '.';
}

static void packages_look_at(const struct build *build, const cJSON *dependency, struct packages *packages)
{
    char path[BUILD_FULL_PATH_BYTES];
    const char *spec = cJSON_IsString(dependency) ? dependency->valuestring : "";
    if (strcmp(dependency->string, sdk_name) == 0) {
        packages->names_sdk = true;
        return;
    }
    snprintf(path, sizeof path, "%s/src/node_modules/%.200s", build->work, dependency->string);
    packages->count++;
    if (access(path, R_OK | X_OK) == 0) {
        return;
    }
    if (!packages->missing || (!packages->remote && !is_folder(spec))) {
        snprintf(packages->first, sizeof packages->first, "%.120s", dependency->string);
    }
    packages->missing = true;
    packages->remote = packages->remote || !is_folder(spec);
}

static struct packages packages_find(const struct build *build, const cJSON *package)
{
    struct packages packages = { 0 };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const cJSON *dependency;
        cJSON_ArrayForEach(dependency, cJSON_GetObjectItemCaseSensitive(package, kinds[i]))
        {
            packages_look_at(build, dependency, &packages);
        }
    }
    return packages;
}

static void forget_dependency(cJSON *package)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(cJSON_GetObjectItemCaseSensitive(package, kinds[i]), sdk_name);
    }
}

static bool write_json(struct build *build, const char *path, const cJSON *json)
{
    char *text = cJSON_Print(json);
    bool good = text != NULL && build_write_text(build, path, text);
    cJSON_free(text);
    return good;
}

/* The lock file names the SDK as a root's dependency, as a link, and as the link's target. */
static bool forget_in_lock(struct build *build)
{
    char *text = build_read_text(build, "src/package-lock.json");
    cJSON *lock = text != NULL ? cJSON_Parse(text) : NULL;
    cJSON *listed = cJSON_GetObjectItemCaseSensitive(lock, "packages");
    free(text);
    if (lock == NULL) {
        return true;
    }
    const cJSON *link = cJSON_GetObjectItemCaseSensitive(listed, "node_modules/@stead/sdk");
    const char *target = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(link, "resolved"));
    if (target != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(listed, target);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(listed, "node_modules/@stead/sdk");
    forget_dependency(cJSON_GetObjectItemCaseSensitive(listed, ""));
    forget_dependency(lock);
    bool good = write_json(build, "src/package-lock.json", lock);
    cJSON_Delete(lock);
    return good;
}

/* npm is a script of node's; it lies beside node or in PATH. */
static bool npm_find(struct build *build, char ret_path[BUILD_PATH_BYTES_MAX])
{
    char beside[BUILD_FULL_PATH_BYTES];
    const char *node = build->toolchain.path;
    const char *slash = strrchr(node, '/');
    snprintf(beside, sizeof beside, "%.*s/npm", (int)(slash - node), node);
    const char *places[] = { beside, "/usr/local/bin/npm", "/usr/bin/npm" };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *real = realpath(places[i], NULL);
        bool good = real != NULL && strlen(real) < BUILD_PATH_BYTES_MAX && access(real, R_OK) == 0;
        if (good) {
            snprintf(ret_path, BUILD_PATH_BYTES_MAX, "%s", real);
        }
        free(real);
        if (good) {
            return true;
        }
    }
    build_end(build, BUILD_UNAVAILABLE, "package.json declares packages, and there is no npm beside %s: install npm",
              node);
    return false;
}

static bool npm_run(struct build *build, bool offline)
{
    char npm[BUILD_PATH_BYTES_MAX], tools[BUILD_PATH_BYTES_MAX], cache[BUILD_FULL_PATH_BYTES];
    if (!npm_find(build, npm) || !build_tools_path(build, "npm", tools)) {
        return false;
    }
    snprintf(cache, sizeof cache, "--cache=%s/cache", tools);
    bool locked = build_has_file(build, "package-lock.json") || build_has_file(build, "npm-shrinkwrap.json");
    const char *argv[] = { build->toolchain.path,
                           npm,
                           locked ? "ci" : "install",
                           "--ignore-scripts",
                           "--omit=dev",
                           "--no-audit",
                           "--no-fund",
                           "--no-update-notifier",
                           "--loglevel=error",
                           cache,
                           offline ? "--offline" : "--prefer-offline",
                           NULL };
    bool good =
        build_run(build, &(struct build_tool){ .argv = argv, .folder = "src", .tools = "npm", .network = !offline });
    if (good) {
        build_end(build, BUILD_DONE, "%s", ""); /* how many packages it added is of no use to anybody */
    }
    return good;
}

static bool packages_fetch(struct build *build, cJSON *package, const struct packages *packages)
{
    if (packages->names_sdk) {
        forget_dependency(package);
        if (!write_json(build, "src/package.json", package) || !forget_in_lock(build)) {
            return false;
        }
    }
    return npm_run(build, !packages->remote);
}

bool packages_js_install(struct build *build)
{
    cJSON *package = NULL;
    if (!packages_js_read(build, &package)) {
        return false;
    }
    struct packages packages = packages_find(build, package);
    bool good = true;
    if (packages.missing && packages.remote && !build->options->network) {
        char what[256];
        snprintf(what, sizeof what, "package.json declares packages that are not in node_modules (%s)", packages.first);
        good = build_refuse_network(build, what, "deploy the folder with its node_modules");
    } else if (packages.missing) {
        good = packages_fetch(build, package, &packages);
    }
    cJSON_Delete(package);
    return good;
}
