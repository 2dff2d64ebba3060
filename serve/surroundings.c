/* What an instance finds where it starts: its name and broker, the SDKs, its folders, and the toolchains of the
 * languages that it is to serve. */
#include "serve/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies a list of URLs without what stands before an '@'. The copy is never longer. */
static void url_redact(const char *urls, char *ret_shown)
{
    char *to = ret_shown, *host = ret_shown;
    for (const char *at = urls; *at != '\0'; at++) {
        if (*at == '@') {
            to = host;
            continue;
        }
        *to++ = *at;
        bool scheme_ends = at - urls >= 2 && at[0] == '/' && at[-1] == '/' && at[-2] == ':';
        if (scheme_ends || *at == ',') {
            host = to;
        }
    }
    *to = '\0';
}

void surroundings_name(struct instance *instance)
{
    uint64_t random = 0;
    if (instance->config->service_name[0] != '\0') {
        snprintf(instance->name, sizeof instance->name, "%s", instance->config->service_name);
    } else if (getrandom(&random, sizeof random, 0) == sizeof random) {
        snprintf(instance->name, sizeof instance->name, "s%012llx", (unsigned long long)(random >> 16));
    }
    /* What is on its way to another run of this name, or to a twin, is not for us: operations are numbers that
     * repeat. */
    if (getrandom(&instance->run, sizeof instance->run, 0) != sizeof instance->run) {
        instance->run = (uint32_t)instance->started_unix_ms;
    }
    snprintf(instance->inbox, sizeof instance->inbox, "_INBOX.stead.%s.%08x", instance->name, instance->run);
    snprintf(instance->answer_prefix, sizeof instance->answer_prefix, "%s.answer.", instance->inbox);
    snprintf(instance->nats_url, sizeof instance->nats_url, "%s", instance->config->nats_url);
    url_redact(instance->nats_url, instance->nats_shown);
}

static bool path_resolve(const char *path, char *ret_path, size_t size)
{
    char *resolved = realpath(path, NULL);
    bool good = resolved != NULL && strlen(resolved) < size;
    if (good) {
        memcpy(ret_path, resolved, strlen(resolved) + 1);
    }
    free(resolved);
    return good;
}

/* The SDKs: where the environment says, beside an installed program, or in the source tree that it was built in. */
void surroundings_sdk(struct instance *instance)
{
    char program[900], path[1024];
    const char *named = getenv("STEAD_SDK_DIR");
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; named == NULL && i < 2; i++) {
        snprintf(path, sizeof path, i == 0 ? "%s/../share/stead/sdk" : "%s/../../sdk", program);
        if (path_resolve(path, instance->sdk_directory, sizeof instance->sdk_directory)) {
            return;
        }
    }
    snprintf(instance->sdk_directory, sizeof instance->sdk_directory, "%s", named != NULL ? named : STEAD_SOURCE_SDK);
}

bool surroundings_folders(struct instance *instance)
{
    const char *store = instance->config->store_directory;
    char root[900];
    if ((mkdir(store, 0700) != 0 && errno != EEXIST) || !path_resolve(store, root, sizeof root)) {
        fprintf(stderr, "stead: store.directory %s: %s (choose another by --store DIR)\n", store, strerror(errno));
        return false;
    }
    snprintf(instance->cache_directory, sizeof instance->cache_directory, "%s/cache", root);
    snprintf(instance->source_directory, sizeof instance->source_directory, "%s/source", root);
    if ((mkdir(instance->cache_directory, 0700) != 0 && errno != EEXIST) ||
        (mkdir(instance->source_directory, 0700) != 0 && errno != EEXIST)) {
        fprintf(stderr, "stead: %s: %s\n", root, strerror(errno));
        return false;
    }
    return true;
}

/* Which of the configured languages this machine can build; the rest is reported and not served. */
void surroundings_toolchains(struct instance *instance)
{
    for (size_t i = 0; i < instance->config->service_languages.count; i++) {
        enum build_language language;
        struct build_toolchain toolchain;
        if (!build_language_of_name(instance->config->service_languages.items[i], &language)) {
            continue;
        }
        build_toolchain_find(instance->options->spawner, language, &toolchain);
        instance->serves[language] = toolchain.available;
        if (toolchain.available) {
            log_info("system.plugin", "language served", LOG_TEXT("language", build_language_name(language)),
                     LOG_TEXT("toolchain", toolchain.version));
            const char *wanted = config_language_version(instance->config, build_language_name(language));
            if (!config_version_named(toolchain.version, wanted)) {
                log_warn("system.plugin", "toolchain of another version", LOG_TEXT("wanted", wanted),
                         LOG_TEXT("toolchain", toolchain.version));
            }
        } else {
            log_warn("system.plugin", "language not served", LOG_TEXT("language", build_language_name(language)),
                     LOG_TEXT("reason", toolchain.problem));
        }
    }
}
