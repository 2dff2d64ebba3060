/* Which language a folder is written in, by the names of its files alone: `stead deploy` asks for a folder on disk, the
 * service for the files that it was sent. Only what lies at the top counts, and what is clear: two languages are asked
 * about rather than guessed. */
#include "adapters/build/build.h"
#include "adapters/build/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct sign {
    enum build_language language;
    const char *name;   /* the whole name, or NULL */
    const char *suffix; /* or how it ends */
    bool executable;    /* it must be one */
    bool weak;          /* may lie beside another language's files: a compiled program, the settings of a tool */
};

static const struct sign signs_known[] = {
    { BUILD_BIN, "main", NULL, true, true },         { BUILD_C, NULL, ".c", false, false },
    { BUILD_GO, "go.mod", NULL, false, false },      { BUILD_GO, NULL, ".go", false, false },
    { BUILD_JS, "main.js", NULL, false, false },     { BUILD_JS, "main.mjs", NULL, false, false },
    { BUILD_JS, "main.cjs", NULL, false, false },    { BUILD_JS, "index.js", NULL, false, true },
    { BUILD_JS, "package.json", NULL, false, true }, { BUILD_PYTHON, "main.py", NULL, false, false },
};

static const char signs_wanted[] =
    "neither main.py, a *.go file, main.js, main.mjs, main.cjs, index.js or package.json, "
    "a *.c file, nor an executable named main";

static bool name_ends(const char *name, size_t length, const char *suffix)
{
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && memcmp(name + length - suffix_length, suffix, suffix_length) == 0;
}

void build_signs_see(struct build_signs *signs, const char *path, size_t path_length, bool executable)
{
    if (memchr(path, '/', path_length) != NULL) {
        return;
    }
    for (size_t i = 0; i < sizeof signs_known / sizeof signs_known[0]; i++) {
        const struct sign *sign = &signs_known[i];
        bool named = sign->name != NULL
                         ? strlen(sign->name) == path_length && memcmp(sign->name, path, path_length) == 0
                         : name_ends(path, path_length, sign->suffix);
        if (named && (executable || !sign->executable)) {
            *(sign->weak ? &signs->languages_maybe : &signs->languages) |= 1u << sign->language;
        }
    }
    signs->typescript = signs->typescript || name_ends(path, path_length, ".ts");
}

bool build_signs_language(const struct build_signs *signs, enum build_language *ret_language, char *message,
                          size_t message_bytes)
{
    char found[64] = "";
    size_t used = 0;
    int count = 0;
    enum build_language language = BUILD_LANGUAGE_COUNT;
    uint32_t languages = signs->languages != 0 ? signs->languages : signs->languages_maybe;
    for (int i = 0; i < BUILD_LANGUAGE_COUNT; i++) {
        if ((languages & 1u << i) != 0) {
            language = (enum build_language)i;
            used += (size_t)snprintf(found + used, sizeof found - used, "%s%s", count > 0 ? " and " : "",
                                     build_language_name(language));
            count++;
        }
    }
    if (count == 1) {
        *ret_language = language;
        return true;
    }
    if (count > 1) {
        snprintf(message, message_bytes, "it looks like %s: say which by spec.language in stead.yaml", found);
    } else if (signs->typescript) {
        snprintf(message, message_bytes,
                 "TypeScript is not compiled here: deploy the main.js that tsc makes of it, beside its package.json");
    } else {
        snprintf(message, message_bytes, "%s", signs_wanted);
    }
    return false;
}

bool build_detect(const char *source_directory, enum build_language *ret_language, char *message, size_t message_bytes)
{
    struct source source;
    struct build_signs signs = { 0 };
    int result = source_list(source_directory, &source);
    for (size_t i = 0; i < source.count; i++) {
        const struct source_file *file = &source.files[i];
        build_signs_see(&signs, file->path, strlen(file->path), file->executable);
    }
    source_free(&source);
    if (result != 0) {
        snprintf(message, message_bytes, "%s can't be read: %s", source_directory, strerror(-result));
        return false;
    }
    return build_signs_language(&signs, ret_language, message, message_bytes);
}
