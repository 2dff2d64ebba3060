/* JavaScript functions: entries, module kinds, syntax errors, and packages that came along, lie in the folder, or would
 * have to be fetched. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char esm[] = "import { serve } from '@stead/sdk';\nexport default (event) => ({ n: typeof serve });\n";
static const char cjs[] =
    "const { serve } = require('@stead/sdk');\nmodule.exports = (event) => ({ n: typeof serve });\n";

static void need_node(void)
{
    fixture_need(BUILD_JS);
}

/* Loads the function's file as the runner does, and prints what it answers. */
static void expect_answer(const char *folder, const char *wanted)
{
    struct build_result result;
    char script[1024];
    fixture_build(BUILD_JS, folder, BUILD_DONE, NULL, &result);
    assert_non_null(strstr(result.argv[1], "/sdk/run.cjs"));
    snprintf(script, sizeof script,
             "import('%s').then((m) => console.log(JSON.stringify((m.default.default ?? m.default)())))",
             result.argv[2]);
    const char *argv[] = { result.argv[0], "-e", script, NULL };
    char *output = fixture_run(argv);
    if (strstr(output, wanted) == NULL) {
        fail_msg("%s does not hold %s", output, wanted);
    }
    free(output);
    build_result_free(&result);
}

static void test_entries(void **state)
{
    static const struct {
        const char *file, *text, *package;
    } rows[] = {
        { "main.mjs", esm, NULL },
        { "main.cjs", cjs, NULL },
        { "main.js", cjs, NULL },
        { "main.js", esm, "{\"type\":\"module\"}" },
        { "index.js", esm, "{\"type\":\"module\"}" },
        { "lib/start.mjs", esm, "{\"main\":\"./lib/start.mjs\"}" },
        { "lib/start.js", cjs, "{\"main\":\"lib/start\"}" },
        { "lib/index.js", cjs, "{\"main\":\"lib\"}" },
    };
    need_node();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char folder[128];
        fixture_folder(folder);
        fixture_write(folder, rows[i].file, rows[i].text);
        if (rows[i].package != NULL) {
            fixture_write(folder, "package.json", rows[i].package);
        }
        expect_answer(folder, "{\"n\":\"function\"}");
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *file, *text, *word;
    } rows[] = {
        { "other.js", "1\n", "no main.js" },
        { "main.ts", "let x: number = 1;\n", "TypeScript, which is not compiled here" },
        { "package.json", "{\"main\":\"gone.js\"}", "\"main\": \"gone.js\", which is not in the folder" },
        { "package.json", "[", "package.json is not a JSON object" },
        { "main.js", "let a = ;\n", "main.js:1" },
        { "main.mjs", "export const a = 1; return 2\n", "SyntaxError: Illegal return statement" },
        { "main.cjs", "export const a = 1;\n", "SyntaxError" },
    };
    need_node();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char folder[128];
        fixture_folder(folder);
        fixture_write(folder, rows[i].file, rows[i].text);
        fixture_expect(BUILD_JS, folder, BUILD_REFUSED, rows[i].word);
    }
    char folder[128];
    fixture_folder(folder);
    fixture_write(folder, "main.cjs", cjs);
    fixture_write(folder, "deep/er.mjs", "import(\n");
    fixture_expect(BUILD_JS, folder, BUILD_REFUSED, "deep/er.mjs:");
    fixture_folder(folder);
    fixture_write(folder, "main.cjs", cjs);
    fixture_write(folder, "node_modules/x/broken.js", "import(\n"); /* not ours to judge */
    fixture_expect(BUILD_JS, folder, BUILD_DONE, NULL);
}

static void test_packages_are_refused_or_came_along(void **state)
{
    char folder[128];
    need_node();
    fixture_folder(folder);
    fixture_write(folder, "main.js", "module.exports = () => require('left') + 1;\n");
    fixture_write(
        folder, "package.json",
        "{\"dependencies\":{\"@stead/sdk\":\"^0.1.0\",\"left\":\"^2.0.0\"},\"devDependencies\":{\"right\":\"1\"}}");
    fixture_expect(BUILD_JS, folder, BUILD_REFUSED, "not in node_modules (left)");
    fixture_expect(BUILD_JS, folder, BUILD_REFUSED, "set build.allowNetwork: true");
    fixture_write(folder, "node_modules/left/package.json", "{\"name\":\"left\",\"version\":\"2.0.0\"}");
    fixture_write(folder, "node_modules/left/index.js", "module.exports = 41;\n");
    expect_answer(folder, "42");
}

/* npm at work, without a network: what package.json names lies in the folder. */
static void test_packages_of_the_folder(void **state)
{
    char folder[128];
    need_node();
    if (access("/usr/bin/npm", X_OK) != 0 && access("/usr/local/bin/npm", X_OK) != 0) {
        print_message("SKIPPED, this was not tested: no npm in /usr/bin or /usr/local/bin\n");
        skip();
    }
    for (int locked = 0; locked < 2; locked++) {
        fixture_folder(folder);
        fixture_write(folder, "main.js",
                      "module.exports = () => require('left') + typeof require('@stead/sdk').serve;\n");
        fixture_write(
            folder, "package.json",
            "{\"name\":\"f\",\"dependencies\":{\"left\":\"file:./left\",\"@stead/sdk\":\"file:../../sdk/js\"}}");
        fixture_write(folder, "left/package.json",
                      "{\"name\":\"left\",\"version\":\"2.0.0\",\"scripts\":{\"install\":\"touch RAN\"}}");
        fixture_write(folder, "left/index.js",
                      "module.exports = require('fs').existsSync(__dirname + '/RAN') ? 'ran' : 'quiet ';\n");
        if (locked == 1) { /* as npm writes it after `npm install` in a clone */
            fixture_write(folder, "package-lock.json",
                          "{\"name\":\"f\",\"lockfileVersion\":3,\"requires\":true,\"packages\":{\"\":{\"name\":\"f\","
                          "\"dependencies\":{\"@stead/sdk\":\"file:../../sdk/js\",\"left\":\"file:./left\"}},"
                          "\"../../sdk/js\":{\"name\":\"@stead/sdk\",\"version\":\"0.1.0\"},"
                          "\"left\":{\"version\":\"2.0.0\"},"
                          "\"node_modules/@stead/sdk\":{\"resolved\":\"../../sdk/js\",\"link\":true},"
                          "\"node_modules/left\":{\"resolved\":\"left\",\"link\":true}}}");
        }
        expect_answer(folder, "\"quiet function\"");
    }
}

int main(void)
{
    if (!fixture_start()) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_packages_are_refused_or_came_along),
        cmocka_unit_test(test_packages_of_the_folder),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    fixture_stop();
    return failures;
}
