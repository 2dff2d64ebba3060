/* One build: list the folder, copy it (and the SDK) into a temporary folder of the cache while digesting it, and if no
 * artifact of that digest exists, compile there and rename the folder into place. */
#include "adapters/build/build.h"

#include "adapters/build/source.h"
#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Part of every digest: raise it when the way of building changes. */
static const char builder_version[] = "stead-build-1";

enum { C_FILES_MAX = 200 };

static const uint64_t time_limit_ms_default = 60000;
static const uint64_t memory_bytes_max_default = 2ull * 1024 * 1024 * 1024;

struct build {
    const struct build_options *options;
    enum build_language language;
    const char *name;
    const char *source_directory;
    struct build_result *result;
    struct build_toolchain toolchain;
    struct source source, sdk;
    char work[BUILD_PATH_BYTES_MAX]; /* the temporary folder; "" if none */
};

static const char *const language_names[] = {
#define BUILD_LANGUAGE_NAME(id, name, sign, tool) name,
    BUILD_LANGUAGES(BUILD_LANGUAGE_NAME)
#undef BUILD_LANGUAGE_NAME
};

const char *build_language_name(enum build_language language)
{
    return language_names[language];
}

bool build_language_of_name(const char *name, enum build_language *ret_language)
{
    for (int i = 0; i < BUILD_LANGUAGE_COUNT; i++) {
        if (strcmp(name, language_names[i]) == 0) {
            *ret_language = (enum build_language)i;
            return true;
        }
    }
    return false;
}

bool build_detect(const char *source_directory, enum build_language *ret_language, char *message, size_t message_bytes)
{
    struct source source;
    int result = source_list(source_directory, &source);
    bool python = false;
    bool c = false;
    for (size_t i = 0; i < source.count; i++) {
        bool top = strchr(source.files[i].path, '/') == NULL;
        python = python || strcmp(source.files[i].path, "main.py") == 0;
        c = c || (top && source_has_suffix(source.files[i].path, ".c"));
    }
    source_free(&source);
    if (result != 0) {
        snprintf(message, message_bytes, "%s can't be read: %s", source_directory, strerror(-result));
    } else if (python && c) {
        snprintf(message, message_bytes, "%s holds both main.py and a *.c file; say the language in stead.yaml",
                 source_directory);
    } else if (!python && !c) {
        snprintf(message, message_bytes, "%s holds no function: neither main.py nor a *.c file", source_directory);
    } else {
        *ret_language = python ? BUILD_PYTHON : BUILD_C;
        return true;
    }
    return false;
}

static __attribute__((format(printf, 3, 4))) void build_end(struct build *build, enum build_outcome outcome,
                                                            const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    build->result->outcome = outcome;
    vsnprintf(build->result->message, sizeof build->result->message, format, arguments);
    va_end(arguments);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool build_list(struct build *build)
{
    char sdk[BUILD_PATH_BYTES_MAX];
    snprintf(sdk, sizeof sdk, "%s/%s", build->options->sdk_directory, language_names[build->language]);
    int result = source_list(build->source_directory, &build->source);
    if (result == -E2BIG || result == -EFBIG || result == -ELOOP) {
        build_end(build, BUILD_REFUSED, "%s: more than %d files, %d MiB or %d levels of folders",
                  build->source_directory, BUILD_FILES_MAX, BUILD_SOURCE_BYTES_MAX >> 20, SOURCE_DEPTH_MAX);
        return false;
    }
    if (result != 0) {
        build_end(build, BUILD_REFUSED, "%s can't be read: %s", build->source_directory, strerror(-result));
        return false;
    }
    result = source_list(sdk, &build->sdk);
    if (result != 0 || build->sdk.count == 0) {
        build_end(build, BUILD_BROKEN, "the SDK is not in %s: %s", sdk, strerror(result != 0 ? -result : ENOENT));
        return false;
    }
    return true;
}

/* Copies source and SDK into a temporary folder and names the artifact. */
static bool build_stage(struct build *build)
{
    struct build_result *result = build->result;
    const char *cache = build->options->cache_directory;
    char from[BUILD_PATH_BYTES_MAX], to[BUILD_PATH_BYTES_MAX + 8];
    snprintf(build->work, sizeof build->work, "%s/building-XXXXXX", cache);
    if ((mkdir(cache, 0700) != 0 && errno != EEXIST) || mkdtemp(build->work) == NULL) {
        build->work[0] = 0;
        build_end(build, BUILD_BROKEN, "the build cache %s can't be written: %s", cache, strerror(errno));
        return false;
    }
    struct digest *digest = digest_create();
    if (digest == NULL) {
        build_end(build, BUILD_BROKEN, "out of memory");
        return false;
    }
    digest_text(digest, builder_version);
    digest_text(digest, language_names[build->language]);
    digest_text(digest, build->toolchain.path);
    digest_text(digest, build->toolchain.version);
    snprintf(from, sizeof from, "%s/%s", build->options->sdk_directory, language_names[build->language]);
    snprintf(to, sizeof to, "%s/sdk", build->work);
    int failed = source_copy(&build->sdk, from, to, digest);
    snprintf(to, sizeof to, "%s/src", build->work);
    if (failed == 0) {
        failed = source_copy(&build->source, build->source_directory, to, digest);
    }
    digest_end(digest, result->digest);
    if (failed != 0) {
        build_end(build, BUILD_BROKEN, "%s can't be copied: %s", build->source_directory, strerror(-failed));
        return false;
    }
    snprintf(result->directory, sizeof result->directory, "%s/%s", cache, result->digest);
    return true;
}

static void build_say_why(struct build *build, const struct spawner_run_result *run, uint64_t time_limit_ms)
{
    const char *tool = build->toolchain.path;
    if (run->timed_out) {
        build_end(build, BUILD_REFUSED, "%s took longer than %llu s", tool, (unsigned long long)(time_limit_ms / 1000));
    } else if (run->exit.signal != 0) {
        build_end(build, BUILD_REFUSED, "%s was ended by signal %d (%s)\n%s", tool, run->exit.signal,
                  strsignal(run->exit.signal), run->output);
    } else {
        build_end(build, BUILD_REFUSED, "%s", run->output_bytes > 0 ? run->output : "the compiler failed silently");
    }
}

/* Runs the compiler in the temporary folder; what it says is the message. */
static bool build_run(struct build *build, const char *const *argv, const char *folder)
{
    char directory[BUILD_PATH_BYTES_MAX + 8], temporary[BUILD_PATH_BYTES_MAX + 16];
    snprintf(directory, sizeof directory, "%s/%s", build->work, folder);
    snprintf(temporary, sizeof temporary, "TMPDIR=%s", build->work);
    const char *env[] = { temporary, "PYTHONIOENCODING=utf-8", NULL };
    uint64_t memory = build->options->memory_bytes_max;
    uint64_t time_limit_ms = build->options->time_limit_ms ? build->options->time_limit_ms : time_limit_ms_default;
    struct spawner_program program = {
        .argv = argv,
        .env = env,
        .directory = directory,
        .limits = { .memory_bytes = memory ? memory : memory_bytes_max_default, .files = 1024 },
    };
    struct spawner_run_options options = { .time_limit_ms = time_limit_ms,
                                           .output_bytes_max = BUILD_MESSAGE_BYTES_MAX - 1 };
    struct spawner_run_result run;
    int failed = spawner_run(build->options->spawner, &program, &options, &run);
    if (failed != 0) {
        build_end(build, BUILD_BROKEN, "%s can't be run: %s", argv[0], strerror(-failed));
        return false;
    }
    bool good = run.exit.status == 0 && !run.timed_out;
    if (good) {
        build_end(build, BUILD_DONE, "%s", run.output);
    } else {
        build_say_why(build, &run, time_limit_ms);
    }
    free(run.output);
    return good;
}

static bool build_compile_c(struct build *build)
{
    static const char *const flags[] = {
        "-std=gnu11",
        "-O2",
        "-g",
        "-Wall",
        "-fstack-protector-strong",
        "-D_FORTIFY_SOURCE=2",
        "-fPIE",
        "-pie",
        "-Wl,-z,relro,-z,now",
        "-I../sdk",
        "-I.",
        "-o",
        "../plugin",
        "../sdk/stead/plugin.c",
        "../sdk/stead/wire.c",
        "../sdk/stead/answer.c",
    };
    enum { FLAG_COUNT = sizeof flags / sizeof flags[0] };
    const char *argv[1 + FLAG_COUNT + C_FILES_MAX + 2] = { build->toolchain.path };
    size_t count = 1;
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        argv[count++] = flags[i];
    }
    size_t files = 0;
    for (size_t i = 0; i < build->source.count; i++) {
        const char *path = build->source.files[i].path;
        if (!source_has_suffix(path, ".c")) {
            continue;
        }
        if (++files > C_FILES_MAX || path[0] == '-') {
            build_end(build, BUILD_REFUSED, "%s: more than %d *.c files, or one whose name begins with '-'",
                      build->name, C_FILES_MAX);
            return false;
        }
        argv[count++] = path;
    }
    if (files == 0) {
        build_end(build, BUILD_REFUSED, "%s holds no *.c file", build->source_directory);
        return false;
    }
    argv[count++] = "-lm";
    argv[count] = NULL;
    return build_run(build, argv, "src");
}

static bool build_compile_python(struct build *build)
{
    char path[BUILD_PATH_BYTES_MAX + 16];
    snprintf(path, sizeof path, "%s/src/main.py", build->work);
    if (access(path, R_OK) != 0) {
        build_end(build, BUILD_REFUSED, "%s holds no main.py", build->source_directory);
        return false;
    }
    /* The artifact never changes, so its byte code need not be compared with the source at each start. */
    const char *argv[] = { build->toolchain.path, "-I",  "-S",  "-m", "compileall", "-q", "--invalidation-mode",
                           "unchecked-hash",      "src", "sdk", NULL };
    return build_run(build, argv, ".");
}

static bool build_set_argv(struct build *build)
{
    char plugin[BUILD_PATH_BYTES_MAX + 32], runner[BUILD_PATH_BYTES_MAX + 32];
    const char *directory = build->result->directory;
    const char *c[] = { plugin, NULL };
    const char *python[] = { build->toolchain.path, "-I", "-S", "-B", runner, plugin, NULL };
    bool is_c = build->language == BUILD_C;
    snprintf(plugin, sizeof plugin, "%s/%s", directory, is_c ? "plugin" : "src/main.py");
    snprintf(runner, sizeof runner, "%s/sdk/stead/__main__.py", directory);
    const char **argv = is_c ? c : python;
    for (int i = 0; argv[i] != NULL; i++) {
        build->result->argv[i] = strdup(argv[i]);
        if (build->result->argv[i] == NULL) {
            build_end(build, BUILD_BROKEN, "out of memory");
            return false;
        }
    }
    if (access(plugin, is_c ? X_OK : R_OK) != 0) {
        build_end(build, BUILD_BROKEN, "%s is not usable: %s; remove its folder from the cache", plugin,
                  strerror(errno));
        return false;
    }
    return true;
}

static void build_publish(struct build *build)
{
    if (rename(build->work, build->result->directory) == 0) {
        build->work[0] = 0;
    } else if (errno != EEXIST && errno != ENOTEMPTY) { /* another builder was faster: its artifact is the same */
        build_end(build, BUILD_BROKEN, "%s can't be created: %s", build->result->directory, strerror(errno));
        return;
    }
    build_set_argv(build);
}

static void build_staged(struct build *build)
{
    struct stat status;
    if (stat(build->result->directory, &status) == 0) {
        build->result->cached = true;
        build_end(build, BUILD_DONE, "%s", "");
        build_set_argv(build);
        return;
    }
    bool compiled = build->language == BUILD_C ? build_compile_c(build) : build_compile_python(build);
    if (compiled) {
        build_publish(build);
    }
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void build_function(const struct build_options *options, enum build_language language, const char *name,
                    const char *source_directory, struct build_result *ret_result)
{
    uint64_t started_us = now_us();
    *ret_result = (struct build_result){ .outcome = BUILD_BROKEN };
    struct build build = { .options = options,
                           .language = language,
                           .name = name,
                           .source_directory = source_directory,
                           .result = ret_result };
    build_toolchain_find(options->spawner, language, &build.toolchain);
    if (!build.toolchain.available) {
        build_end(&build, BUILD_UNAVAILABLE, "%s is not served here: %s", language_names[language],
                  build.toolchain.problem);
    } else if (build_list(&build) && build_stage(&build)) {
        build_staged(&build);
    }
    if (build.work[0] != 0) {
        remove_tree(build.work);
    }
    source_free(&build.source);
    source_free(&build.sdk);
    ret_result->build_us = now_us() - started_us;
}

void build_result_free(struct build_result *result)
{
    for (int i = 0; i < BUILD_ARGUMENTS_MAX; i++) {
        free(result->argv[i]);
        result->argv[i] = NULL;
    }
}
