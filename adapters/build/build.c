/* One build: list the folder, copy it (and the SDK) into a temporary folder of the cache while digesting it, and if no
 * artifact of that digest exists, compile there and rename the folder into place. What is particular to a language is
 * in build_<language>.c (see step.h). */
#include "adapters/build/build.h"

#include "adapters/build/source.h"
#include "adapters/build/step.h"

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
static const char builder_version[] = "stead-build-2";

static const uint64_t time_limit_ms_default = 60000;

static const struct build_steps *const build_steps[BUILD_LANGUAGE_COUNT] = {
    [BUILD_BIN] = &build_steps_bin, [BUILD_C] = &build_steps_c,           [BUILD_GO] = &build_steps_go,
    [BUILD_JS] = &build_steps_js,   [BUILD_PYTHON] = &build_steps_python,
};

static const char *const language_names[] = {
#define BUILD_LANGUAGE_NAME(id, name) name,
    CLOUDEVENTS_LANGUAGES(BUILD_LANGUAGE_NAME)
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

/* -- what the languages use -- */

void build_end(struct build *build, enum build_outcome outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    build->result->outcome = outcome;
    vsnprintf(build->result->message, sizeof build->result->message, format, arguments);
    va_end(arguments);
}

bool build_refuse(struct build *build, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    build->result->outcome = BUILD_REFUSED;
    vsnprintf(build->result->message, sizeof build->result->message, format, arguments);
    va_end(arguments);
    return false;
}

bool build_argument(struct build *build, const char *format, ...)
{
    va_list arguments;
    int index = 0;
    char *text = NULL;
    while (index < BUILD_ARGUMENTS_MAX && build->result->argv[index] != NULL) {
        index++;
    }
    if (index == BUILD_ARGUMENTS_MAX) {
        return build_refuse(build, "more than %d arguments", BUILD_ARGUMENTS_MAX);
    }
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0) {
        build_end(build, BUILD_BROKEN, "out of memory");
        return false;
    }
    build->result->argv[index] = text;
    return true;
}

bool build_has_file(const struct build *build, const char *path)
{
    for (size_t i = 0; i < build->source.count; i++) {
        if (strcmp(build->source.files[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

char *build_read_text(const struct build *build, const char *path)
{
    char full[BUILD_FULL_PATH_BYTES];
    snprintf(full, sizeof full, "%s/%s", build->work, path);
    FILE *file = fopen(full, "re");
    char *text = file != NULL ? malloc(BUILD_TEXT_BYTES_MAX + 1) : NULL;
    size_t length = text != NULL ? fread(text, 1, BUILD_TEXT_BYTES_MAX + 1, file) : 0;
    if (file != NULL) {
        fclose(file);
    }
    if (text == NULL || length > BUILD_TEXT_BYTES_MAX) {
        free(text);
        return NULL;
    }
    text[length] = 0;
    return text;
}

bool build_write_text(struct build *build, const char *path, const char *text)
{
    char full[BUILD_FULL_PATH_BYTES];
    snprintf(full, sizeof full, "%s/%s", build->work, path);
    FILE *file = fopen(full, "we");
    bool good = file != NULL && fputs(text, file) >= 0;
    good = file != NULL && fclose(file) == 0 && good;
    if (!good) {
        build_end(build, BUILD_BROKEN, "%s can't be written: %s", path, strerror(errno));
    }
    return good;
}

/* -- one build -- */

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    remove(path);
    return 0;
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static bool build_list_sdk(struct build *build)
{
    char sdk[BUILD_FULL_PATH_BYTES];
    const char *folder = build_steps[build->language]->sdk;
    if (folder == NULL) {
        return true;
    }
    snprintf(sdk, sizeof sdk, "%s/%s", build->options->sdk_directory, folder);
    int result = source_list(sdk, &build->sdk);
    if (result != 0 || build->sdk.count == 0) {
        build_end(build, BUILD_BROKEN, "the SDK is not in %s: %s", sdk, strerror(result != 0 ? -result : ENOENT));
        return false;
    }
    return true;
}

static bool build_list(struct build *build)
{
    int result = source_list(build->source_directory, &build->source);
    if (result == -E2BIG || result == -EFBIG || result == -ELOOP) {
        return build_refuse(build, "%s: more than %d files, %d MiB or %d levels of folders", build->source_directory,
                            BUILD_FILES_MAX, BUILD_SOURCE_BYTES_MAX >> 20, SOURCE_DEPTH_MAX);
    }
    if (result != 0) {
        return build_refuse(build, "%s can't be read: %s", build->source_directory, strerror(-result));
    }
    return build_list_sdk(build);
}

static bool build_make_work_folder(struct build *build)
{
    const char *cache = build->options->cache_directory;
    snprintf(build->work, sizeof build->work, "%s/building-XXXXXX", cache);
    if ((mkdir(cache, 0700) != 0 && errno != EEXIST) || mkdtemp(build->work) == NULL) {
        build->work[0] = 0;
        build_end(build, BUILD_BROKEN, "the build cache %s can't be written: %s", cache, strerror(errno));
        return false;
    }
    return true;
}

/* What makes two builds differ, other than their files. */
static void build_digest_way(struct build *build, struct digest *digest)
{
    const char *const *command = build->options->command;
    digest_text(digest, builder_version);
    digest_text(digest, language_names[build->language]);
    digest_text(digest, build->toolchain.path);
    digest_text(digest, build->toolchain.version);
    for (int i = 0; build->language == BUILD_BIN && command != NULL && command[i] != NULL; i++) {
        digest_text(digest, command[i]);
    }
}

/* Copies source and SDK into a temporary folder and names the artifact. */
static bool build_stage(struct build *build)
{
    char from[BUILD_FULL_PATH_BYTES], to[BUILD_PATH_BYTES_MAX + 8];
    struct digest *digest = build_make_work_folder(build) ? digest_create() : NULL;
    if (digest == NULL) {
        if (build->work[0] != 0) {
            build_end(build, BUILD_BROKEN, "out of memory");
        }
        return false;
    }
    int failed = 0;
    build_digest_way(build, digest);
    if (build_steps[build->language]->sdk != NULL) {
        snprintf(from, sizeof from, "%s/%s", build->options->sdk_directory, build_steps[build->language]->sdk);
        snprintf(to, sizeof to, "%s/sdk", build->work);
        failed = source_copy(&build->sdk, from, to, digest);
    }
    snprintf(to, sizeof to, "%s/src", build->work);
    if (failed == 0) {
        failed = source_copy(&build->source, build->source_directory, to, digest);
    }
    digest_end(digest, build->result->digest);
    if (failed != 0) {
        build_end(build, BUILD_BROKEN, "%s can't be copied: %s", build->source_directory, strerror(-failed));
        return false;
    }
    snprintf(build->result->directory, sizeof build->result->directory, "%s/%s", build->options->cache_directory,
             build->result->digest);
    return true;
}

/* The command of an artifact in its place. */
static void build_command(struct build *build)
{
    char **argv = build->result->argv;
    if (!build_steps[build->language]->command(build)) {
        return;
    }
    for (int i = 0; argv[i] != NULL; i++) {
        if (argv[i][0] == '/' && access(argv[i], i == 0 ? X_OK : R_OK) != 0) {
            build_end(build, BUILD_BROKEN, "%s is not usable: %s; remove its folder from the cache", argv[i],
                      strerror(errno));
            return;
        }
    }
}

static void build_publish(struct build *build)
{
    if (rename(build->work, build->result->directory) == 0) {
        build->work[0] = 0;
    } else if (errno != EEXIST && errno != ENOTEMPTY) { /* another builder was faster: its artifact is the same */
        build_end(build, BUILD_BROKEN, "%s can't be created: %s", build->result->directory, strerror(errno));
        return;
    }
    build_command(build);
}

static void build_staged(struct build *build)
{
    struct stat status;
    const struct build_steps *steps = build_steps[build->language];
    if (!steps->look(build)) {
        return;
    }
    if (stat(build->result->directory, &status) == 0) {
        build->result->cached = true;
        build_end(build, BUILD_DONE, "%s", "");
        build_command(build);
    } else if (steps->compile(build)) {
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
    uint64_t time_limit_ms = options->time_limit_ms > 0 ? options->time_limit_ms : time_limit_ms_default;
    struct build build = { .options = options,
                           .language = language,
                           .name = name,
                           .source_directory = source_directory,
                           .result = ret_result,
                           .time_limit_ms = time_limit_ms,
                           .deadline_ms = build_now_ms() + time_limit_ms };
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
