/* Builds the examples and the plugins of tests/plugins into a fresh cache. */
#include "adapters/build/build.h"
#include "adapters/spawner/spawner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct spawner *spawner;
static char cache[] = "/tmp/stead-test-build-XXXXXX";
static struct build_options options;

static void build(enum build_language language, const char *folder, struct build_result *result)
{
    build_function(&options, language, "test", folder, result);
}

static void test_build_then_cached(void **state)
{
    static const struct {
        enum build_language language;
        const char *folder;
    } rows[] = { { BUILD_C, EXAMPLES "/checksum" }, { BUILD_PYTHON, EXAMPLES "/stats" } };
    for (size_t i = 0; i < 2; i++) {
        struct build_result first, second;
        build(rows[i].language, rows[i].folder, &first);
        if (first.outcome != BUILD_DONE) {
            fail_msg("%s", first.message);
        }
        assert_false(first.cached);
        assert_int_equal(strlen(first.digest), 64);
        assert_int_equal(access(first.argv[0], X_OK), 0);
        build(rows[i].language, rows[i].folder, &second);
        assert_int_equal(second.outcome, BUILD_DONE);
        assert_true(second.cached);
        assert_string_equal(first.digest, second.digest);
        for (int k = 0; first.argv[k] != NULL; k++) {
            assert_string_equal(first.argv[k], second.argv[k]);
        }
        build_result_free(&first);
        build_result_free(&second);
    }
}

static void test_compiler_message(void **state)
{
    struct build_result result;
    build(BUILD_C, PLUGINS "/broken", &result);
    assert_int_equal(result.outcome, BUILD_REFUSED);
    assert_non_null(strstr(result.message, "main.c:7"));
    assert_non_null(strstr(result.message, "error:"));
    assert_null(strstr(result.message, cache));
    assert_null(result.argv[0]);
    build_result_free(&result);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_python_syntax_error_and_change(void **state)
{
    char folder[64], path[96];
    struct build_result bad, good, changed;
    snprintf(folder, sizeof folder, "%s-source", cache);
    snprintf(path, sizeof path, "%s/main.py", folder);
    mkdir(folder, 0700);
    write_file(path, "import stead\ndef f(:\n");
    build(BUILD_PYTHON, folder, &bad);
    assert_int_equal(bad.outcome, BUILD_REFUSED);
    assert_non_null(strstr(bad.message, "main.py"));
    assert_non_null(strstr(bad.message, "SyntaxError"));
    write_file(path, "import stead\n");
    build(BUILD_PYTHON, folder, &good);
    assert_int_equal(good.outcome, BUILD_DONE);
    write_file(path, "import stead\n\n");
    build(BUILD_PYTHON, folder, &changed);
    assert_int_equal(changed.outcome, BUILD_DONE);
    assert_string_not_equal(good.digest, changed.digest);
    build_result_free(&bad);
    build_result_free(&good);
    build_result_free(&changed);
    remove(path);
    rmdir(folder);
}

static void test_detect(void **state)
{
    enum build_language language = BUILD_LANGUAGE_COUNT;
    char message[256];
    assert_true(build_detect(EXAMPLES "/checksum", &language, message, sizeof message));
    assert_int_equal(language, BUILD_C);
    assert_true(build_detect(EXAMPLES "/stats", &language, message, sizeof message));
    assert_int_equal(language, BUILD_PYTHON);
    assert_false(build_detect(EXAMPLES "/../docs", &language, message, sizeof message));
    assert_non_null(strstr(message, "neither main.py"));
    assert_false(build_detect("/no/such/folder", &language, message, sizeof message));
    assert_true(build_language_of_name("python", &language));
    assert_false(build_language_of_name("cobol", &language));
}

static void test_signs(void **state)
{
    static const struct {
        const char *files[4]; /* one that begins with + is executable */
        const char *language; /* or a part of the message, after an exclamation mark */
    } rows[] = {
        { { "main.py", "lib/x.c" }, "python" },
        { { "a.c", "b.c", "x.h" }, "c" },
        { { "a.c", "+main" }, "c" }, /* it was compiled here once */
        { { "+main" }, "bin" },
        { { "main" }, "!neither main.py" },
        { { "go.mod" }, "go" },
        { { "a.go", "package.json" }, "go" },
        { { "main.mjs", "package.json" }, "js" },
        { { "package.json" }, "js" },
        { { "index.js" }, "js" },
        { { "sub/main.py" }, "!neither main.py" },
        { { "main.py", "main.js" }, "!it looks like js and python" },
        { { "x.go", "x.c", "main.py" }, "!it looks like c and go and python" },
        { { "main.ts", "README.md" }, "!TypeScript is not compiled" },
        { { ".c", ".go" }, "!neither" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct build_signs signs = { 0 };
        enum build_language language;
        char message[256] = "";
        for (size_t k = 0; k < 4 && rows[i].files[k] != NULL; k++) {
            bool executable = rows[i].files[k][0] == '+';
            const char *path = rows[i].files[k] + executable;
            build_signs_see(&signs, path, strlen(path), executable);
        }
        bool found = build_signs_language(&signs, &language, message, sizeof message);
        if (rows[i].language[0] == '!') {
            assert_false(found);
            assert_non_null(strstr(message, rows[i].language + 1));
        } else {
            assert_true(found);
            assert_string_equal(build_language_name(language), rows[i].language);
        }
    }
}

static void test_missing_toolchain(void **state)
{
    struct build_result result;
    setenv("STEAD_CC", "/no/such/cc", 1);
    build(BUILD_C, EXAMPLES "/checksum", &result);
    unsetenv("STEAD_CC");
    assert_int_equal(result.outcome, BUILD_UNAVAILABLE);
    assert_non_null(strstr(result.message, "STEAD_CC=/no/such/cc"));
    build_result_free(&result);
    struct build_toolchain toolchain;
    build_toolchain_find(spawner, BUILD_PYTHON, &toolchain);
    assert_true(toolchain.available);
    assert_non_null(strstr(toolchain.version, "Python 3"));
}

static void test_old_toolchain(void **state)
{
    static const struct {
        enum build_language language;
        const char *variable, *says, *problem;
    } rows[] = {
        { BUILD_GO, "STEAD_GO", "go version go1.19.8 linux/amd64", "is 1.19; 1.22 or later" },
        { BUILD_GO, "STEAD_GO", "go version go1.22 linux/amd64", NULL },
        { BUILD_JS, "STEAD_NODE", "v16.20.2", "is 16.20; 18.0 or later" },
        { BUILD_JS, "STEAD_NODE", "v18.0.0", NULL },
        { BUILD_PYTHON, "STEAD_PYTHON", "Python 3.8.1", "is 3.8; 3.9 or later" },
        { BUILD_PYTHON, "STEAD_PYTHON", "Python 4.0.0", NULL },
        { BUILD_GO, "STEAD_GO", "go version devel +abc", NULL },
    };
    char path[96], script[128];
    snprintf(path, sizeof path, "%s-tool", cache);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct build_toolchain toolchain;
        snprintf(script, sizeof script, "#!/bin/sh\necho '%s'\n", rows[i].says);
        write_file(path, script);
        chmod(path, 0700);
        setenv(rows[i].variable, path, 1);
        build_toolchain_find(spawner, rows[i].language, &toolchain);
        unsetenv(rows[i].variable);
        assert_int_equal(toolchain.available, rows[i].problem == NULL);
        assert_string_equal(toolchain.version, rows[i].says);
        assert_true(rows[i].problem == NULL || strstr(toolchain.problem, rows[i].problem) != NULL);
    }
    remove(path);
}

static void test_time_limit(void **state)
{
    struct build_result result;
    struct build_options hurried = options;
    hurried.time_limit_ms = 1;
    hurried.cache_directory = cache;
    char folder[64], path[96];
    snprintf(folder, sizeof folder, "%s-slow", cache);
    snprintf(path, sizeof path, "%s/main.c", folder);
    mkdir(folder, 0700);
    write_file(path, "#include <stead/plugin.h>\nint main(void) { return 1; }\n");
    build_function(&hurried, BUILD_C, "slow", folder, &result);
    assert_int_equal(result.outcome, BUILD_REFUSED);
    assert_non_null(strstr(result.message, "took longer"));
    build_result_free(&result);
    remove(path);
    rmdir(folder);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *where)
{
    return remove(path);
}

static int tear_down(void **state)
{
    return nftw(cache, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    if (spawner_start(NULL, &spawner) != 0 || mkdtemp(cache) == NULL) {
        return 1;
    }
    options = (struct build_options){ .spawner = spawner, .cache_directory = cache, .sdk_directory = SDK };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_then_cached),
        cmocka_unit_test(test_compiler_message),
        cmocka_unit_test(test_python_syntax_error_and_change),
        cmocka_unit_test(test_detect),
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_missing_toolchain),
        cmocka_unit_test(test_old_toolchain),
        cmocka_unit_test(test_time_limit),
    };
    int failures = cmocka_run_group_tests(tests, NULL, tear_down);
    spawner_stop(spawner);
    return failures;
}
