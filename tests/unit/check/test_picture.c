/* The picture of a history: everything of it is on the page, nothing of it can leave its place there, and a history
 * that is too large to look at is thinned out by whole requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "check/picture.h"

static void add(struct check *check, uint64_t number, const char *line)
{
    assert_true(check_line(check, "h", number, line, strlen(line)));
}

/* What check_draw() wrote; freed by the caller. */
static char *drawn(const struct check *check, struct check_picture picture)
{
    FILE *out = tmpfile();
    assert_non_null(out);
    assert_true(check_draw(check, &picture, out));
    long length = ftell(out);
    char *text = calloc((size_t)length + 1, 1);
    assert_non_null(text);
    rewind(out);
    assert_int_equal(fread(text, 1, (size_t)length, out), length);
    fclose(out);
    return text;
}

static uint32_t times(const char *text, const char *wanted)
{
    uint32_t count = 0;
    /* By character, since a sanitizer measures the whole text at each strstr(). */
    for (const char *at = strchr(text, wanted[0]); at != NULL; at = strchr(at + 1, wanted[0])) {
        count += strncmp(at, wanted, strlen(wanted)) == 0;
    }
    return count;
}

static void a_history_stands_in_the_place_of_the_mark(void **state)
{
    (void)state;
    struct check *check = check_new();
    add(check, 1, "{\"t\":5000,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":1,\"id\":\"r1\",\"fn\":\"f\"}");
    add(check, 2,
        "{\"t\":5009,\"proc\":\"n1\",\"op\":\"ok\",\"f\":\"message\",\"target\":\"b1\",\"id\":\"r1\",\"since_ns\":"
        "5001}");
    add(check, 3, "{\"t\":5010,\"proc\":\"c1\",\"op\":\"info\",\"f\":\"call\",\"n\":1}");
    add(check, 4, "{\"t\":5011,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"end\"}");
    assert_non_null(check_judge(check));
    char *text =
        drawn(check, (struct check_picture){ .title = "a title", .reproduce = "again", .rule = "S9", .why = "why" });
    assert_non_null(strstr(text, "const history = {\"title\""));
    assert_non_null(strstr(text, "\"title\":\"a title\",\"reproduce\":\"again\""));
    assert_non_null(strstr(text, "\n[0,0,0,")); /* Times count from the first event. */
    assert_non_null(strstr(text, ",1,0]"));     /* when the message was sent */
    assert_non_null(strstr(text, "{\"rule\":\"S9\",\"t\":0,\"request\":0,\"why\":\"why\"}"));
    assert_non_null(strstr(text, "]};\n"));
    free(text);
    check_free(check);
}

static void no_text_gets_out_of_the_script(void **state)
{
    (void)state;
    struct check *check = check_new();
    add(check, 1,
        "{\"t\":1,\"proc\":\"c1</script><b>\",\"op\":\"info\",\"f\":\"life\",\"state\":\"a\\\\b\\\"c\\n<!--\"}");
    char *text = drawn(check, (struct check_picture){ .title = "</script>\n\"" }); /* It need not be whole. */
    assert_int_equal(times(text, "</script>"), 1);
    assert_null(strstr(text, "<!--"));
    assert_non_null(strstr(text, "\"title\":\"\\u003c/script\\u003e\\u000a\\u0022\""));
    assert_non_null(strstr(text, "a\\u005cb\\u0022c\\u000a\\u003c!--"));
    free(text);
    check_free(check);
}

static void a_large_history_loses_whole_requests(void **state)
{
    (void)state;
    enum { REQUESTS = PICTURE_EVENTS_MAX };
    char line[200];
    struct check *check = check_new();
    for (uint32_t at = 0; at < REQUESTS; at++) {
        snprintf(line, sizeof(line),
                 "{\"t\":%u,\"proc\":\"c1\",\"op\":\"invoke\",\"f\":\"call\",\"n\":%u,\"id\":\"r%u\"}", at * 4, at, at);
        add(check, at * 2 + 1, line);
        snprintf(line, sizeof(line),
                 "{\"t\":%u,\"proc\":\"c1\",\"op\":\"info\",\"f\":\"call\",\"n\":%u,\"id\":\"r%u\"}", at * 4 + 1, at,
                 at);
        add(check, at * 2 + 2, line);
    }
    add(check, REQUESTS * 2 + 1, "{\"t\":7,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"fault\",\"kind\":\"K\"}");
    char *text = drawn(check, (struct check_picture){ .title = "large" });
    uint32_t rows = times(text, "\n[");
    assert_true(rows > REQUESTS / 2);
    assert_true(rows < PICTURE_EVENTS_MAX);
    assert_int_equal(rows % 2, 1); /* both lines of a request or none, and the fault */
    free(text);
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_stands_in_the_place_of_the_mark),
        cmocka_unit_test(no_text_gets_out_of_the_script),
        cmocka_unit_test(a_large_history_loses_whole_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
