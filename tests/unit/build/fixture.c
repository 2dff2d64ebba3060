/* One temporary folder for a test program: <root>/cache, and <root>/<number> for each function's folder. */
#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct build_options fixture_options;

static char root[] = "/tmp/stead-test-build-XXXXXX";
static char cache[64];
static struct spawner *spawner;
static int folders;

bool fixture_start(void)
{
    if (spawner_start(NULL, &spawner) != 0 || mkdtemp(root) == NULL) {
        return false;
    }
    snprintf(cache, sizeof cache, "%s/cache", root);
    fixture_options = (struct build_options){
        .spawner = spawner, .cache_directory = cache, .sdk_directory = SDK, .time_limit_ms = 120000
    };
    return true;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

void fixture_stop(void)
{
    spawner_stop(spawner);
    nftw(root, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void fixture_folder(char ret_folder[128])
{
    snprintf(ret_folder, 128, "%s/%d", root, ++folders);
    assert_int_equal(mkdir(ret_folder, 0700), 0);
}

void fixture_write_bytes(const char *folder, const char *path, const void *bytes, size_t length, unsigned mode)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", folder, path);
    for (char *slash = strchr(full + strlen(folder) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(full, mode), 0);
}

void fixture_write(const char *folder, const char *path, const char *text)
{
    fixture_write_bytes(folder, path, text, strlen(text), 0600);
}

void fixture_build(enum build_language language, const char *folder, enum build_outcome outcome, const char *word,
                   struct build_result *ret_result)
{
    build_function(&fixture_options, language, "test", folder, ret_result);
    if (ret_result->outcome != outcome || (word != NULL && strstr(ret_result->message, word) == NULL)) {
        fail_msg("%s ended with outcome %d: %s\nwanted %d with: %s", build_language_name(language), ret_result->outcome,
                 ret_result->message, outcome, word == NULL ? "anything" : word);
    }
    assert_null(strstr(ret_result->message, cache)); /* our own paths mean nothing to the author */
    assert_true((ret_result->argv[0] != NULL) == (outcome == BUILD_DONE));
}

void fixture_expect(enum build_language language, const char *folder, enum build_outcome outcome, const char *word)
{
    struct build_result result;
    fixture_build(language, folder, outcome, word, &result);
    build_result_free(&result);
}

char *fixture_run(const char *const *argv)
{
    struct spawner_program program = { .argv = argv };
    struct spawner_run_options options = { .time_limit_ms = 20000, .output_bytes_max = 4096 };
    struct spawner_run_result run;
    assert_int_equal(spawner_run(spawner, &program, &options, &run), 0);
    return run.output;
}

void fixture_need(enum build_language language)
{
    struct build_toolchain toolchain;
    build_toolchain_find(spawner, language, &toolchain);
    if (!toolchain.available) {
        print_message("SKIPPED, this was not tested: %s\n", toolchain.problem);
        skip();
    }
}
