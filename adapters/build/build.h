/* Builds functions: a folder with source goes in, an artifact that can be started comes out.
 *
 * Purpose: C is compiled, Go is built, Python byte-compiled, JavaScript checked, a prebuilt executable looked at, each
 * by the instance's own toolchain and with Stead's SDK. An artifact is a folder <cache>/<digest>, made elsewhere and
 * renamed into place, so a half-built one is never seen. The digest covers the source, the SDK, the toolchain's
 * version and the way of building; the same digest is never built twice. Modules and packages that a function declares
 * are fetched only if `network` allows it; what tools fetch and compile once is kept in <cache>/tools, or in
 * $STEAD_BUILD_TOOLS, which may be shared by many caches. No code of the function runs.
 *
 * Thread: build_function() blocks for as long as the tools run (as spawner_run() does: one caller at a time).
 * Ownership: build_result_free() frees what a result holds. Errors: `outcome` and `message`, for the function's author.
 */
#ifndef STEAD_ADAPTERS_BUILD_H
#define STEAD_ADAPTERS_BUILD_H

#include "adapters/cloudevents/names.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spawner;

/* The languages of names.h, each of which can be built. */
enum build_language {
#define BUILD_LANGUAGE_ENUM(id, name) BUILD_##id,
    CLOUDEVENTS_LANGUAGES(BUILD_LANGUAGE_ENUM)
#undef BUILD_LANGUAGE_ENUM
        BUILD_LANGUAGE_COUNT
};

enum {
    BUILD_DIGEST_HEX_BYTES = 65, /* with its NUL */
    BUILD_MESSAGE_BYTES_MAX = 8192,
    BUILD_PATH_BYTES_MAX = 1024,
    BUILD_ARGUMENTS_MAX = 40,
    BUILD_FILES_MAX = 2000,
    BUILD_SOURCE_BYTES_MAX = 64 * 1024 * 1024,
};

enum build_outcome {
    BUILD_DONE,
    BUILD_REFUSED,     /* the source is at fault; `message` is for its author (the compiler's own words) */
    BUILD_UNAVAILABLE, /* the language's toolchain is missing here */
    BUILD_BROKEN,      /* this machine is at fault: disk, permissions, spawner; may pass */
};

struct build_options {
    struct spawner *spawner;
    const char *cache_directory; /* created if missing; absolute */
    const char *sdk_directory;   /* the folder that holds c/, go/, js/ and python/; absolute */
    uint64_t time_limit_ms;      /* 0: 60 s */
    uint64_t memory_bytes_max;   /* of each process of a build; 0: 2 GiB */
    bool network;                /* may declared modules and packages be fetched? (build.allowNetwork) */
    /* For bin: the program's path in the folder and its arguments, NULL-terminated. NULL: { "main" }. */
    const char *const *command;
    const atomic_bool *leaving; /* once true the build is given up; any thread may set it. NULL: never */
};

struct build_toolchain {
    bool available;
    char path[BUILD_PATH_BYTES_MAX]; /* "" for bin */
    char version[128];               /* the tool's own first line; for bin the machine, such as "Linux x86_64" */
    char problem[256];               /* why not available, and what to do */
};

struct build_result {
    enum build_outcome outcome;
    bool cached;
    char digest[BUILD_DIGEST_HEX_BYTES];
    char directory[BUILD_PATH_BYTES_MAX];  /* of the artifact */
    char *argv[BUILD_ARGUMENTS_MAX + 1];   /* NULL-terminated; valid if DONE */
    char message[BUILD_MESSAGE_BYTES_MAX]; /* compiler's output or what is wrong; may hold warnings if DONE */
    uint64_t build_us;
};

const char *build_language_name(enum build_language language);
bool build_language_of_name(const char *name, enum build_language *ret_language);

/* Which language a set of files shows: start from { 0 }, show it every path (relative, with '/'), then ask. */
struct build_signs {
    uint32_t languages;       /* one bit each */
    uint32_t languages_maybe; /* these count if there is none of those */
    bool typescript;
};
void build_signs_see(struct build_signs *signs, const char *path, size_t path_length, bool executable);
/* On false `message` says what was looked for. */
bool build_signs_language(const struct build_signs *signs, enum build_language *ret_language, char *message,
                          size_t message_bytes);
/* The same for a folder. */
bool build_detect(const char *source_directory, enum build_language *ret_language, char *message, size_t message_bytes);

/* Looks for the language's tool (STEAD_CC, STEAD_GO, STEAD_NODE or STEAD_PYTHON, then /usr/bin, then PATH, then its
 * usual place) and asks its version. bin needs none and is always available. */
void build_toolchain_find(struct spawner *spawner, enum build_language language, struct build_toolchain *ret_toolchain);

/* Builds or finds the artifact. `name` is the function's, for messages. Always fills *ret_result. */
void build_function(const struct build_options *options, enum build_language language, const char *name,
                    const char *source_directory, struct build_result *ret_result);
void build_result_free(struct build_result *result);

#endif
