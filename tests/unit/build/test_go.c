/* Go functions: with and without a go.mod, with modules by vendor folder, by replace and over the "network" (a module
 * proxy of files), and what is said when they can't be had. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char main_go[] =
    "package main\n\nimport (\n\t\"context\"\n\n\t\"stead.dev/sdk\"\n\t\"stead.dev/sdk/event\"\n)\n\n"
    "func main() { sdk.Serve(f) }\n\n"
    "func f(ctx context.Context, e *event.Event) (*event.Event, error) { return nil, nil }\n";
static const char uses_lib[] = "package main\n\nimport (\n\t\"fmt\"\n\n\t\"example.com/lib\"\n)\n\n"
                               "func main() { fmt.Println(lib.Word) }\n";

static void need_go(void)
{
    fixture_need(BUILD_GO);
}

static void expect_output(const char *folder, const char *wanted)
{
    struct build_result result;
    fixture_build(BUILD_GO, folder, BUILD_DONE, NULL, &result);
    const char *argv[] = { result.argv[0], NULL };
    char *output = fixture_run(argv);
    assert_non_null(strstr(output, wanted));
    free(output);
    build_result_free(&result);
}

static void test_without_go_mod(void **state)
{
    char folder[128];
    struct build_result first, second;
    need_go();
    fixture_folder(folder);
    fixture_write(folder, "main.go", main_go);
    fixture_build(BUILD_GO, folder, BUILD_DONE, NULL, &first);
    assert_false(first.cached);
    fixture_build(BUILD_GO, folder, BUILD_DONE, NULL, &second);
    assert_true(second.cached);
    assert_string_equal(first.digest, second.digest);
    assert_string_equal(first.argv[0], second.argv[0]);
    build_result_free(&first);
    build_result_free(&second);
    expect_output(folder, "this is a function, started by Stead"); /* it links the SDK */
}

static void test_with_go_mod(void **state)
{
    char folder[128];
    need_go();
    fixture_folder(folder);
    fixture_write(folder, "main.go", main_go);
    fixture_write(folder, "go.mod",
                  "module example.com/mine\n\ngo 1.22\n\nrequire stead.dev/sdk v0.1.0\n\n"
                  "replace stead.dev/sdk v0.1.0 => ../../no/such/folder\n");
    fixture_write(folder, "main_test.go", "package main\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) {}\n");
    expect_output(folder, "this is a function, started by Stead"); /* the author's own replace gives way */
}

static void test_what_the_compiler_says(void **state)
{
    char folder[128];
    need_go();
    fixture_folder(folder);
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "no *.go file");
    fixture_write(folder, "main.go", "package main\n\nfunc main() { undefined() }\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "./main.go:3:15: undefined: undefined");
    fixture_write(folder, "main.go", "package other\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "package main");
    fixture_write(folder, "main.go", "package main\n\nimport \"C\"\n\nfunc main() {}\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, NULL); /* cgo is off */
    fixture_write(folder, "main.go", main_go);
    fixture_write(folder, "go.mod", "module x\n\ngo 1.22\n\nrequire (\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "go.mod:");
    fixture_write(folder, "go.mod", "module x\n\ngo 1.999\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "1.999"); /* and no toolchain is downloaded */
}

static void test_modules_are_refused(void **state)
{
    char folder[128];
    need_go();
    fixture_folder(folder);
    fixture_write(folder, "main.go", uses_lib);
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "build.allowNetwork"); /* used, not declared */
    fixture_options.network = true;
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "Declare the modules in go.mod");
    fixture_options.network = false;
    fixture_write(folder, "go.mod", "module x\n\ngo 1.22\n\nrequire example.com/lib v1.2.3\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "go.mod declares modules (example.com/lib)");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "set build.allowNetwork: true");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "vendor");
}

static void test_modules_of_the_folder(void **state)
{
    char folder[128];
    need_go();
    fixture_folder(folder);
    fixture_write(folder, "main.go", uses_lib);
    fixture_write(folder, "go.mod",
                  "module x\n\ngo 1.22\n\nrequire example.com/lib v1.2.3\n\nreplace example.com/lib => ./lib\n");
    fixture_write(folder, "lib/go.mod", "module example.com/lib\n\ngo 1.22\n");
    fixture_write(folder, "lib/lib.go", "package lib\n\nconst Word = \"by replace\"\n");
    expect_output(folder, "by replace");
    fixture_folder(folder);
    fixture_write(folder, "main.go", uses_lib);
    fixture_write(folder, "go.mod", "module x\n\ngo 1.22\n\nrequire example.com/lib v1.2.3\n");
    fixture_write(folder, "vendor/modules.txt", "# example.com/lib v1.2.3\n## explicit; go 1.22\nexample.com/lib\n");
    fixture_write(folder, "vendor/example.com/lib/lib.go", "package lib\n\nconst Word = \"by vendor\"\n");
    expect_output(folder, "by vendor");
    fixture_write(folder, "main.go", main_go);
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "run `go mod vendor` again");
}

/* A module proxy is a folder; the zip in it holds the module's files and no entries of folders. */
static bool make_proxy(const char *folder)
{
    static const char script[] = "import sys, zipfile\n"
                                 "with zipfile.ZipFile(sys.argv[1], 'w') as z:\n"
                                 "    m = 'example.com/lib@v1.2.3/'\n"
                                 "    z.writestr(m + 'go.mod', 'module example.com/lib\\n\\ngo 1.22\\n')\n"
                                 "    z.writestr(m + 'lib.go', 'package lib\\n\\nconst Word = \"by proxy\"\\n')\n";
    char path[256];
    fixture_write(folder, "example.com/lib/@v/list", "v1.2.3\n");
    fixture_write(folder, "example.com/lib/@v/v1.2.3.info", "{\"Version\":\"v1.2.3\"}");
    fixture_write(folder, "example.com/lib/@v/v1.2.3.mod", "module example.com/lib\n\ngo 1.22\n");
    snprintf(path, sizeof path, "%s/example.com/lib/@v/v1.2.3.zip", folder);
    const char *argv[] = { "/usr/bin/python3", "-c", script, path, NULL };
    free(fixture_run(argv));
    return access(path, R_OK) == 0;
}

static void test_modules_of_a_proxy(void **state)
{
    char folder[128], proxy[128], variable[160];
    need_go();
    fixture_folder(folder);
    fixture_folder(proxy);
    assert_true(make_proxy(proxy));
    fixture_write(folder, "main.go", uses_lib);
    fixture_write(folder, "go.mod", "module x\n\ngo 1.22\n\nrequire example.com/lib v1.2.3\n");
    snprintf(variable, sizeof variable, "file://%s", proxy);
    setenv("GOPROXY", variable, 1);
    setenv("GONOSUMDB", "*", 1);
    fixture_options.network = true;
    expect_output(folder, "by proxy");
    fixture_write(folder, "go.mod", "module x\n\ngo 1.22\n\nrequire example.com/lib v1.9.9\n");
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "v1.9.9");
    fixture_options.network = false;
    unsetenv("GOPROXY");
    unsetenv("GONOSUMDB");
}

static void test_little_memory(void **state)
{
    char folder[128];
    need_go();
    fixture_folder(folder);
    fixture_write(folder, "main.go", "package main\n\nfunc main() { println(1) }\n");
    fixture_options.memory_bytes_max = 16 << 20;
    fixture_expect(BUILD_GO, folder, BUILD_REFUSED, "build.memory");
    fixture_options.memory_bytes_max = 1 << 30; /* the configuration's default */
    expect_output(folder, "1");
    fixture_options.memory_bytes_max = 0;
}

int main(void)
{
    if (!fixture_start()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_go_mod),         cmocka_unit_test(test_with_go_mod),
        cmocka_unit_test(test_what_the_compiler_says), cmocka_unit_test(test_modules_are_refused),
        cmocka_unit_test(test_modules_of_the_folder),  cmocka_unit_test(test_modules_of_a_proxy),
        cmocka_unit_test(test_little_memory),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop();
    return failures;
}
