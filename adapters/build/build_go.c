/* Go: `go build` of the folder as package main, with the SDK (module stead.dev/sdk) by a replace to the staged copy. A
 * function's go.mod is kept and gets that replace; without one, one is made. A vendor folder is used as it is, with
 * the SDK that it holds. cgo is off: a function is one static program. The caches of go are shared by all builds here,
 * since the first build compiles the standard library (8 s on two cores, then 0.3 s).
 *
 * Memory: each process of a build needs 300 to 500 MiB of its own for the largest packages of the standard library; at
 * 256 MiB the compiler itself dies. Addresses are not limited (see adapters/spawner/child.c). */
#include "adapters/build/step.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char sdk_module[] = "stead.dev/sdk";
static const char go_mod_generated[] = "module function\n\ngo 1.22\n";

struct modules {
    bool names_sdk;
    bool remote; /* one beyond the SDK that is no folder of the function */
    char first[128];
};

static bool go_look(struct build *build)
{
    for (size_t i = 0; i < build->source.count; i++) {
        const char *path = build->source.files[i].path;
        if (strchr(path, '/') == NULL && source_has_suffix(path, ".go") && !source_has_suffix(path, "_test.go")) {
            return true;
        }
    }
    return build_refuse(build, "the folder holds no *.go file: package main belongs at its top");
}

static bool go_run(struct build *build, const char *const *argv, bool network, char **ret_output)
{
    char root[BUILD_PATH_BYTES_MAX], path[3][BUILD_FULL_PATH_BYTES];
    if (!build_tools_path(build, "go", root)) {
        return false;
    }
    snprintf(path[0], sizeof path[0], "GOCACHE=%s/build", root);
    snprintf(path[1], sizeof path[1], "GOMODCACHE=%s/modules", root);
    snprintf(path[2], sizeof path[2], "GOPATH=%s/path", root);
    const char *env[] = {
        path[0],      path[1],          path[2],         "GOENV=off", "GOTOOLCHAIN=local",
        "GOWORK=off", "GO111MODULE=on", "CGO_ENABLED=0", "GOFLAGS=",  network ? "GOTELEMETRY=off" : "GOPROXY=off",
        NULL
    };
    return build_run(
        build,
        &(struct build_tool){
            .argv = argv, .folder = "src", .env = env, .tools = "go", .network = network, .ret_output = ret_output });
}

/* Is the module replaced by a folder? */
static bool is_replaced(const cJSON *replaces, const char *module)
{
    const cJSON *replace;
    cJSON_ArrayForEach(replace, replaces)
    {
        const cJSON *old_side = cJSON_GetObjectItemCaseSensitive(replace, "Old");
        const cJSON *new_side = cJSON_GetObjectItemCaseSensitive(replace, "New");
        const char *old_path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(old_side, "Path"));
        const char *new_path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(new_side, "Path"));
        if (old_path != NULL && new_path != NULL && strcmp(old_path, module) == 0) {
            return strncmp(new_path, "./", 2) == 0 || strncmp(new_path, "../", 3) == 0;
        }
    }
    return false;
}

static bool modules_find(struct build *build, struct modules *ret_modules)
{
    const char *argv[] = { build->toolchain.path, "mod", "edit", "-json", NULL };
    struct modules modules = { 0 };
    char *text = NULL;
    if (!go_run(build, argv, false, &text)) {
        return false;
    }
    cJSON *module = cJSON_Parse(text);
    free(text);
    if (module == NULL) {
        return build_refuse(build, "go.mod is too large");
    }
    const cJSON *replaces = cJSON_GetObjectItemCaseSensitive(module, "Replace");
    const cJSON *require;
    cJSON_ArrayForEach(require, cJSON_GetObjectItemCaseSensitive(module, "Require"))
    {
        const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(require, "Path"));
        if (path != NULL && strcmp(path, sdk_module) == 0) {
            modules.names_sdk = true;
        } else if (path != NULL && !modules.remote && !is_replaced(replaces, path)) {
            modules.remote = true;
            snprintf(modules.first, sizeof modules.first, "%.120s", path);
        }
    }
    cJSON_Delete(module);
    *ret_modules = modules;
    return true;
}

static bool go_set_sdk(struct build *build, const struct modules *modules)
{
    const char *argv[] = { build->toolchain.path,
                           "mod",
                           "edit",
                           "-replace=stead.dev/sdk=../sdk",
                           modules->names_sdk ? NULL : "-require=stead.dev/sdk@v0.0.0",
                           NULL };
    return go_run(build, argv, false, NULL);
}

static void go_advise(struct build *build)
{
    static const char declare[] =
        "Declare the modules in go.mod (go mod tidy) and set build.allowNetwork: true in the configuration of this "
        "instance, or deploy the folder with its vendor folder (go mod vendor).";
    build_advise(build, "module lookup disabled by GOPROXY=off", declare);
    build_advise(build, "import lookup disabled by -mod=vendor",
                 "The vendor folder lacks a package: run `go mod vendor` again, with the SDK in go.mod.");
    build_advise(build, "inconsistent vendoring", "Run `go mod vendor` again and deploy.");
}

static bool go_build(struct build *build, bool vendored, bool network)
{
    char program[BUILD_FULL_PATH_BYTES];
    const char *argv[] = { build->toolchain.path,
                           "build",
                           "-trimpath",
                           "-buildvcs=false",
                           "-ldflags=-s -w",
                           vendored ? "-mod=vendor" : "-mod=mod",
                           "-modcacherw",
                           "-o",
                           "../plugin",
                           ".",
                           NULL };
    if (!go_run(build, argv, network, NULL)) {
        go_advise(build);
        return false;
    }
    snprintf(program, sizeof program, "%s/plugin", build->work);
    return access(program, X_OK) == 0 || build_refuse(build, "the *.go files are not of package main");
}

static bool go_compile(struct build *build)
{
    bool vendored = build_has_file(build, "vendor/modules.txt");
    struct modules modules = { 0 };
    if (!build_has_file(build, "go.mod")) {
        if (!build_write_text(build, "src/go.mod", go_mod_generated)) {
            return false;
        }
        vendored = false;
    }
    if (!modules_find(build, &modules)) {
        return false;
    }
    if (vendored) {
        return go_build(build, true, false);
    }
    if (modules.remote && !build->options->network) {
        char what[256];
        snprintf(what, sizeof what, "go.mod declares modules (%s)", modules.first);
        return build_refuse_network(build, what, "deploy the folder with its vendor folder (go mod vendor)");
    }
    return go_set_sdk(build, &modules) && go_build(build, false, modules.remote);
}

static bool go_command(struct build *build)
{
    return build_argument(build, "%s/plugin", build->result->directory);
}

const struct build_steps build_steps_go = {
    .sdk = "go", .look = go_look, .compile = go_compile, .command = go_command
};
