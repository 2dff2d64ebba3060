/* Packages of Python functions: a wheel that the test makes stands for what an index would give. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A wheel is a zip with two files of metadata. */
static void make_wheel(const char *folder, const char *below)
{
    static const char script[] = "import sys, zipfile\n"
                                 "z = zipfile.ZipFile(sys.argv[1], 'w')\n"
                                 "z.writestr('left.py', 'WORD = \"from a wheel\"\\n')\n"
                                 "i = 'left-2.0.dist-info/'\n"
                                 "z.writestr(i + 'METADATA', 'Metadata-Version: 2.1\\nName: left\\nVersion: 2.0\\n')\n"
                                 "z.writestr(i + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\n"
                                 "Root-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
                                 "z.writestr(i + 'RECORD', '')\n"
                                 "z.close()\n";
    char path[256];
    fixture_write(folder, "make.txt", script);
    snprintf(path, sizeof path, "%s/%s/left-2.0-py3-none-any.whl", folder, below);
    fixture_write(folder, "wheels/.keep", "");
    const char *argv[] = { "/usr/bin/python3", "-c", script, path, NULL };
    free(fixture_run(argv));
    assert_int_equal(access(path, R_OK), 0);
}

static void need_pip(void)
{
    fixture_need(BUILD_PYTHON);
    const char *argv[] = { "/usr/bin/python3", "-I", "-m", "pip", "--version", NULL };
    char *output = fixture_run(argv);
    bool there = strncmp(output, "pip ", 4) == 0;
    free(output);
    if (!there) {
        print_message("SKIPPED, this was not tested: /usr/bin/python3 has no pip\n");
        skip();
    }
}

/* Starts it as the service would, without a channel: what is printed at import is seen. */
static void expect_word(const char *folder)
{
    struct build_result result;
    fixture_build(BUILD_PYTHON, folder, BUILD_DONE, NULL, &result);
    char *output = fixture_run((const char *const *)result.argv);
    if (strstr(output, "word: from a wheel") == NULL) {
        fail_msg("%s", output);
    }
    free(output);
    build_result_free(&result);
}

static const char main_py[] = "import left, stead\nprint('word:', left.WORD, flush=True)\n"
                              "@stead.function\ndef f(event, ctx):\n    return None\n";

static void test_refused_without_network(void **state)
{
    char folder[128];
    fixture_need(BUILD_PYTHON);
    fixture_folder(folder);
    fixture_write(folder, "main.py", main_py);
    fixture_write(folder, "requirements.txt", "# what we use\n\n--index-url https://example.com\nleft>=2 ; x\n");
    fixture_expect(BUILD_PYTHON, folder, BUILD_REFUSED, "requirements.txt declares packages (left>=2)");
    fixture_expect(BUILD_PYTHON, folder, BUILD_REFUSED, "set build.allowNetwork: true");
    fixture_write(folder, "requirements.txt", "# nothing\n");
    fixture_expect(BUILD_PYTHON, folder, BUILD_DONE, NULL);
}

static void test_wheels_of_the_folder(void **state)
{
    char folder[128];
    need_pip();
    fixture_folder(folder);
    make_wheel(folder, "wheels");
    fixture_write(folder, "main.py", main_py);
    fixture_write(folder, "requirements.txt", "--no-index\n--find-links wheels\nleft==2.0\n");
    expect_word(folder);
    fixture_write(folder, "requirements.txt", "--no-index\n--find-links wheels\nleft==9\n");
    fixture_expect(BUILD_PYTHON, folder, BUILD_REFUSED, "only wheels are installed");
}

static void test_index_of_the_operator(void **state)
{
    char folder[128], index[128], wheels[160];
    need_pip();
    fixture_folder(folder);
    fixture_folder(index);
    make_wheel(index, "wheels");
    fixture_write(folder, "main.py", main_py);
    fixture_write(folder, "requirements.txt", "left\n");
    snprintf(wheels, sizeof wheels, "%s/wheels", index);
    setenv("PIP_NO_INDEX", "1", 1);
    setenv("PIP_FIND_LINKS", wheels, 1);
    fixture_options.network = true;
    expect_word(folder);
    fixture_options.network = false;
    unsetenv("PIP_NO_INDEX");
    unsetenv("PIP_FIND_LINKS");
}

int main(void)
{
    if (!fixture_start()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused_without_network),
        cmocka_unit_test(test_wheels_of_the_folder),
        cmocka_unit_test(test_index_of_the_operator),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop();
    return failures;
}
