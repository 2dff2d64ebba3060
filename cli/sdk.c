/* Tries one place after another; a place counts if it is a folder. */
#include "cli/sdk.h"

#include "cli/say.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* realpath() of `base`/`relative`/`language`; false if that is no folder. */
static bool place_try(const char *base, const char *relative, const char *language, char ret_path[SDK_PATH_BYTES])
{
    char path[SDK_PATH_BYTES], real[SDK_PATH_BYTES];
    struct stat status;
    int length = snprintf(path, sizeof path, "%s%s/%s", base, relative, language == NULL ? "" : language);
    if (length >= (int)sizeof path || realpath(path, real) == NULL || stat(real, &status) != 0 ||
        !S_ISDIR(status.st_mode)) {
        return false;
    }
    memcpy(ret_path, real, strlen(real) + 1);
    return true;
}

bool sdk_find(const char *language, char ret_path[SDK_PATH_BYTES])
{
    char program[SDK_PATH_BYTES];
    const char *named = getenv("STEAD_SDK_DIR");
    if (named != NULL && named[0] != '\0') {
        return place_try(named, "", language, ret_path);
    }
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(program, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return place_try(program, "/../share/stead/sdk", language, ret_path) ||
           place_try(program, "/../../sdk", language, ret_path) || place_try(STEAD_SOURCE_SDK, "", language, ret_path);
}

int sdk_run(const struct arguments *arguments)
{
    char path[SDK_PATH_BYTES];
    const char *language = arguments->word_count > 0 ? arguments->words[0] : NULL;
    if (language != NULL && (language[0] == '.' || strchr(language, '/') != NULL)) {
        say_error("\"%s\" is no language", language);
        return EXIT_USAGE;
    }
    if (!sdk_find(language, path)) {
        say_error("no SDK%s%s found on this machine", language == NULL ? "" : " for ",
                  language == NULL ? "" : language);
        say("       it lies in share/stead/sdk beside an installed stead; elsewhere, name its folder by STEAD_SDK_DIR");
        return EXIT_UNAVAILABLE;
    }
    puts(path);
    return EXIT_DONE;
}
