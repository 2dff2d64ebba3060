/* The files are those of cli/templates/<language>, which are part of the program. In their text {{name}} becomes the
 * function's name and {{sdk}} the SDK's folder on this machine; a file named dot-x becomes .x. A folder that has
 * anything in it is never touched: files are created, not overwritten, and the folder must be empty or absent.
 *
 * JavaScript finds packages by folders named node_modules, so there a link to the SDK is made, which deploys leave
 * out; Go has the SDK's place in go.mod, which the build replaces by its own. */
#include "cli/new.h"

#include "adapters/cloudevents/names.h"
#include "cli/embedded.h"
#include "cli/say.h"
#include "cli/sdk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NEW_PATH_BYTES = 4096 };

/* language, a first body, the command that tests it */
static const struct {
    const char *language;
    const char *body;
    const char *test;
} kinds[] = {
    { "c", "hello", "make test" },
    { "go", "'{\"name\": \"Ada\"}'", "go test" },
    { "js", "'{\"name\": \"Ada\"}'", "node --test" },
    { "python", "'{\"name\": \"Ada\"}'", "PYTHONPATH=\"$(stead sdk python)\" python3 -m unittest" },
};

struct place {
    const char *directory;
    const char *name;
    const char *language;
    char sdk[SDK_PATH_BYTES];
};

static const char *template_name(const struct embedded *file, const char *language)
{
    static const char folder[] = "templates/";
    size_t length = strlen(language);
    const char *rest = file->path + sizeof folder - 1;
    bool ours = strncmp(file->path, folder, sizeof folder - 1) == 0 && strncmp(rest, language, length) == 0 &&
                rest[length] == '/';
    return ours ? rest + length + 1 : NULL;
}

/* -- the folder ---------------------------------------------------------------------------------------------------- */

static bool is_empty(DIR *folder)
{
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return false;
        }
    }
    return true;
}

static int folder_make(const char *directory)
{
    if (mkdir(directory, 0777) == 0) {
        return EXIT_DONE;
    }
    DIR *folder = errno == EEXIST ? opendir(directory) : NULL;
    if (folder == NULL) {
        int error = errno;
        say_error("%s can't be made: %s", directory, strerror(error));
        return error == EACCES || error == EROFS ? EXIT_NOT_PERMITTED : EXIT_USAGE;
    }
    bool empty = is_empty(folder);
    closedir(folder);
    if (!empty) {
        say_error("%s is not empty: name another folder", directory);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

/* -- its files ----------------------------------------------------------------------------------------------------- */

static void text_append(struct event_buffer *text, const char *added)
{
    event_buffer_append(text, added, strlen(added));
}

/* The template with what stands for {{name}} and {{sdk}}. */
static void text_fill(const struct place *place, struct bytes template, struct event_buffer *text)
{
    static const char name[] = "{{name}}", sdk[] = "{{sdk}}";
    size_t at = 0;
    while (at < template.length) {
        const char *here = (const char *)template.at + at;
        size_t left = template.length - at;
        if (left >= sizeof name - 1 && memcmp(here, name, sizeof name - 1) == 0) {
            text_append(text, place->name);
            at += sizeof name - 1;
        } else if (left >= sizeof sdk - 1 && memcmp(here, sdk, sizeof sdk - 1) == 0) {
            text_append(text, place->sdk);
            at += sizeof sdk - 1;
        } else {
            event_buffer_append(text, here, 1);
            at++;
        }
    }
}

static bool file_write(const char *path, struct bytes content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (out == NULL) {
        return false;
    }
    bool written = fwrite(content.at, 1, content.length, out) == content.length;
    return fclose(out) == 0 && written;
}

static bool file_make(const struct place *place, const char *name, struct bytes template)
{
    char path[NEW_PATH_BYTES];
    struct event_buffer text = { 0 };
    bool hidden = strncmp(name, "dot-", 4) == 0;
    int length = snprintf(path, sizeof path, "%s/%s%s", place->directory, hidden ? "." : "", hidden ? name + 4 : name);
    text_fill(place, template, &text);
    errno = length >= (int)sizeof path ? ENAMETOOLONG : ENOMEM;
    bool good = length < (int)sizeof path && !text.failed && file_write(path, (struct bytes){ text.at, text.length });
    if (!good) {
        say_error("%s can't be written: %s", path, strerror(errno));
    }
    event_buffer_free(&text);
    return good;
}

/* node_modules/@stead/sdk, so that the function's test finds what it imports. */
static bool link_make(const struct place *place)
{
    static const char *const parts[] = { "node_modules", "node_modules/@stead", "node_modules/@stead/sdk" };
    char path[NEW_PATH_BYTES];
    bool good = true;
    for (size_t i = 0; good && i < sizeof parts / sizeof parts[0]; i++) {
        bool last = i + 1 == sizeof parts / sizeof parts[0];
        errno = ENAMETOOLONG;
        good = snprintf(path, sizeof path, "%s/%s", place->directory, parts[i]) < (int)sizeof path &&
               (last ? symlink(place->sdk, path) : mkdir(path, 0777)) == 0;
    }
    if (!good) {
        say_error("%s can't be made: %s", path, strerror(errno));
    }
    return good;
}

static bool files_make(const struct place *place)
{
    for (const struct embedded *file = embedded_files; file->path != NULL; file++) {
        const char *name = template_name(file, place->language);
        if (name != NULL && !file_make(place, name, file->content)) {
            return false;
        }
    }
    return strcmp(place->language, "js") != 0 || link_make(place);
}

static void next_say(const struct place *place, size_t kind)
{
    say("made     %s/", place->directory);
    say_next("(cd %s && %s)", place->directory, kinds[kind].test);
    say_next("stead dev %s   (or, where a Stead runs: stead deploy %s)", place->directory, place->directory);
    say_next("stead invoke %s -d %s", place->name, kinds[kind].body);
}

/* -- the command --------------------------------------------------------------------------------------------------- */

static bool kind_find(const char *language, size_t *ret_kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].language, language) == 0) {
            *ret_kind = i;
            return true;
        }
    }
    say_error("no template for \"%s\": c, go, js or python", language);
    return false;
}

int new_run(const struct arguments *arguments)
{
    size_t kind;
    struct place place = { .name = arguments->words[0], .language = arguments_text(arguments, "language", "") };
    place.directory = arguments->word_count > 1 ? arguments->words[1] : place.name;
    if (!cloudevents_function_name_valid(bytes_of(place.name))) {
        say_error("\"%s\" can't be a function's name: a-z first, then a-z, 0-9, '-' and '_', at most 63", place.name);
        return EXIT_USAGE;
    }
    if (place.language[0] == '\0') {
        say_error("which language? --language c, go, js or python");
        return EXIT_USAGE;
    }
    if (!kind_find(place.language, &kind)) {
        return EXIT_USAGE;
    }
    if (!sdk_find(place.language, place.sdk)) {
        say_error("the SDK for %s is not on this machine: name the folder of the SDKs by STEAD_SDK_DIR",
                  place.language);
        return EXIT_UNAVAILABLE;
    }
    int code = folder_make(place.directory);
    if (code == EXIT_DONE && !files_make(&place)) {
        code = EXIT_UNAVAILABLE;
    }
    if (code == EXIT_DONE) {
        next_say(&place, kind);
    }
    return code;
}
