/* Builds functions: a folder of source becomes an artifact in the cache and the argv that starts it as a plugin.
 *
 * The artifact is named by the SHA-256 over the language, the builder's version, the toolchain's version, the SDK and
 * every path and content of the folder, so equal input is built once and never twice. A build works in a temporary
 * folder that is renamed into place when it is complete: a killed build leaves no half artifact. Compilers run through
 * the spawner, with limits of time and memory.
 *
 * Folders are read with caps and without following symbolic links. Names that begin with '.' and folders named
 * __pycache__ are left out.
 *
 * Threads: every function blocks and may run in any one thread at a time (the control thread). Ownership: results are
 * the caller's: build_result_free(). */
#ifndef STEAD_ADAPTERS_BUILD_H
#define STEAD_ADAPTERS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spawner;

/* name, what shows it in a folder, the program that is needed */
#define BUILD_LANGUAGES(X)                                                                                             \
    X(C, "c", "a *.c file", "cc")                                                                                      \
    X(PYTHON, "python", "main.py", "python3")

enum build_language {
#define BUILD_LANGUAGE_ENUM(id, name, sign, tool) BUILD_##id,
    BUILD_LANGUAGES(BUILD_LANGUAGE_ENUM)
#undef BUILD_LANGUAGE_ENUM
        BUILD_LANGUAGE_COUNT
};

enum {
    BUILD_DIGEST_HEX_BYTES = 65, /* with its NUL */
    BUILD_MESSAGE_BYTES_MAX = 8192,
    BUILD_PATH_BYTES_MAX = 1024,
    BUILD_ARGUMENTS_MAX = 8,
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
    const char *sdk_directory;   /* the folder that holds c/stead/plugin.h and python/stead/__init__.py; absolute */
    uint64_t time_limit_ms;      /* 0: 60 s */
    uint64_t memory_bytes_max;   /* 0: 2 GiB */
};

struct build_toolchain {
    bool available;
    char path[BUILD_PATH_BYTES_MAX];
    char version[128]; /* the tool's own first line */
    char problem[256]; /* why not available, and what to do */
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
/* Which language the folder's content shows; on false `message` says what was looked for. */
bool build_detect(const char *source_directory, enum build_language *ret_language, char *message, size_t message_bytes);

/* Looks for the language's tool: STEAD_CC or STEAD_PYTHON, then /usr/bin, then PATH; asks its version. */
void build_toolchain_find(struct spawner *spawner, enum build_language language, struct build_toolchain *ret_toolchain);

/* Builds or finds the artifact. `name` is the function's, for messages. Always fills *ret_result. */
void build_function(const struct build_options *options, enum build_language language, const char *name,
                    const char *source_directory, struct build_result *ret_result);
void build_result_free(struct build_result *result);

#endif
