/* What a line may look like, and how a bad one is answered: file, line and what is wrong. */
#include "check/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FACT "\"t\":1,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"heal\""

static const struct {
    const char *line;
    const char *fault; /* NULL: it is a line of a history */
} rows[] = {
    { "{" FACT "}", NULL },
    { "  { \"t\" : 1 ,\t\"proc\":\"\\u0063\\n\",\"op\":\"info\",\"f\":\"heal\" } ", NULL },
    { "{" FACT ",\"strange\":{\"a\":[1,-2.5e3,true,null,\"]}\"]},\"more\":false}", NULL },
    { "{" FACT ",\"id\":\"\\u20ac\\u00e9\\\"\\\\\"}", NULL },
    { "{" FACT ",\"n\":18446744073709551615}", NULL },
    { "{\"t\":1,\"proc\":\"c1\",\"op\":\"info\",\"f\":\"call\"}", NULL },
    { "", "not a JSON object" },
    { "[]", "not a JSON object" },
    { "{}", "is missing" },
    { "{" FACT "} x", "something follows" },
    { "{" FACT ",}", "a key is missing" },
    { "{" FACT " \"n\":1}", "comma or the closing brace" },
    { "{" FACT ",\"n\" 1}", "colon" },
    { "{" FACT ",\"n\":01}", "not an integer" },
    { "{" FACT ",\"n\":-1}", "not an integer" },
    { "{" FACT ",\"n\":1.5}", "not an integer" },
    { "{" FACT ",\"n\":\"1\"}", "not an integer" },
    { "{" FACT ",\"n\":18446744073709551616}", "over 2^64-1" },
    { "{" FACT ",\"att\":4294967296}", "over 2^32" },
    { "{" FACT ",\"id\":7}", "not a text" },
    { "{" FACT ",\"id\":\"a", "closing quote" },
    { "{" FACT ",\"id\":\"\\u12g4\"}", "hexadecimal" },
    { "{" FACT ",\"id\":\"\\u0000\"}", "zero byte" },
    { "{" FACT ",\"id\":\"\\x\"}", "escape" },
    { "{" FACT ",\"id\":\"\x01\"}", "control character" },
    { "{" FACT ",\"t\":2}", "twice" },
    { "{" FACT ",\"x\":}", "a value is missing" },
    { "{" FACT ",\"x\":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}", "deeply" },
    { "{" FACT ",\"end\":\"done\"}", "\"end\" is no end" },
    { "{\"t\":1,\"proc\":\"\",\"op\":\"info\",\"f\":\"heal\"}", "\"proc\" is empty" },
    { "{\"t\":1,\"proc\":\"c1\",\"op\":\"did\",\"f\":\"heal\"}", "\"op\" is none" },
    { "{\"t\":1,\"proc\":\"c1\",\"op\":\"info\",\"f\":\"heel\"}", "\"f\" is no word" },
    { "{\"t\":1,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"id\":\"r\"}", "\"n\" is missing" },
    { "{\"t\":1,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":1}", "\"id\" is missing" },
    { "{\"t\":1,\"proc\":\"n1/w1\",\"op\":\"invoke\",\"f\":\"exec\",\"n\":1,\"id\":\"r\"}", "\"fn\" is missing" },
    { "{\"t\":1,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"readback\",\"id\":\"r\"}", "\"what\" is none" },
    { "{\"t\":1,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"readback\",\"id\":\"r\",\"what\":\"result\"}",
      "\"end\" is missing" },
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++) {
        struct check *check = check_new();
        assert_non_null(check);
        bool ok = check_line(check, "some.jsonl", 7, rows[at].line, strlen(rows[at].line));
        if (ok != (rows[at].fault == NULL)) {
            fail_msg("%s: %s", rows[at].line, ok ? "was taken" : check_fault(check));
        }
        if (!ok) {
            assert_int_equal(strncmp(check_fault(check), "some.jsonl:7: ", 14), 0);
            if (strstr(check_fault(check), rows[at].fault) == NULL) {
                fail_msg("%s: %s", rows[at].line, check_fault(check));
            }
            assert_null(check_judge(check));
        }
        check_free(check);
    }
}

/* What only shows when lines are put together. */
static void test_whole(void **state)
{
    (void)state;
    static const struct {
        const char *lines[3], *fault;
    } whole[] = {
        { { "{" FACT "}" }, "some.jsonl:1: no line \"end\"" },
        { { "{\"t\":1,\"proc\":\"c1\",\"op\":\"ok\",\"f\":\"call\",\"n\":1}",
            "{\"t\":2,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"end\"}" },
          "some.jsonl:1: nothing was begun" },
        { { "{\"t\":1,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":1,\"id\":\"r\"}",
            "{\"t\":1,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":1,\"id\":\"q\"}",
            "{\"t\":2,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"end\"}" },
          "some.jsonl:2: this process used this \"n\" before" },
        { { "{\"t\":1,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":1,\"id\":\"r\"}",
            "{\"t\":1,\"proc\":\"c1\",\"op\":\"info\",\"f\":\"call\",\"n\":1,\"id\":\"q\"}",
            "{\"t\":2,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"end\"}" },
          "some.jsonl:2: another \"id\"" },
    };
    for (size_t at = 0; at < sizeof(whole) / sizeof(whole[0]); at++) {
        struct check *check = check_new();
        for (uint64_t line = 0; line < 3 && whole[at].lines[line] != NULL; line++) {
            const char *text = whole[at].lines[line];
            assert_true(check_line(check, "some.jsonl", line + 1, text, strlen(text)));
        }
        assert_null(check_judge(check));
        assert_int_equal(strncmp(check_fault(check), whole[at].fault, strlen(whole[at].fault)), 0);
        check_free(check);
    }
}

/* Lines of two files come into one order; a file that ends in the middle of a line is refused. */
static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/stead-check-XXXXXX";
    int file = mkstemp(path);
    static const char cut[] = "{" FACT "}\n{\"t\":1";
    assert_true(file >= 0);
    assert_int_equal(write(file, cut, sizeof(cut) - 1), sizeof(cut) - 1);
    struct check *check = check_new();
    assert_false(check_file(check, path));
    assert_non_null(strstr(check_fault(check), ":2: the line is cut short"));
    check_free(check);
    check = check_new();
    assert_false(check_file(check, "/nowhere/at/all"));
    assert_non_null(strstr(check_fault(check), "/nowhere/at/all: No such file"));
    check_free(check);
    close(file);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
