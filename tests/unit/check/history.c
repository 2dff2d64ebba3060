/* Turns short lines into JSON lines and has them judged. */
#include "tests/unit/check/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static bool is_number(const char *text)
{
    return text[0] != 0 && strspn(text, "0123456789") == strlen(text);
}

static size_t member(char *out, size_t size, const char *key, const char *value)
{
    const char *quote = is_number(value) ? "" : "\"";
    return (size_t)snprintf(out, size, ",\"%s\":%s%s%s", key, quote, value, quote);
}

/* Splits `line` where it lies; false for an empty one. */
static bool as_json(char *line, char *json, size_t size)
{
    static const char *const keys[] = { "t", "proc", "op", "f" };
    uint32_t place = 0;
    size_t length = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest), place++) {
        char *equals = strchr(word, '=');
        const char *key = word, *value;
        if (place < 4) {
            key = keys[place];
            value = word;
        } else {
            assert_non_null(equals);
            *equals = 0;
            value = equals + 1;
        }
        length += member(json + length, size - length, key, value);
    }
    json[0] = '{';
    snprintf(json + length, size - length, "}");
    return place > 0;
}

const struct check_report *history_judge(const char *lines, struct check **ret_check)
{
    char text[8192], json[1024], *rest = NULL;
    uint64_t number = 0;
    struct check *check = check_new();
    assert_non_null(check);
    assert_true(strlen(lines) < sizeof(text));
    snprintf(text, sizeof(text), "%s", lines);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        if (as_json(line, json, sizeof(json)) && !check_line(check, "test", ++number, json, strlen(json))) {
            fail_msg("%s in %s", check_fault(check), json);
        }
    }
    const struct check_report *report = check_judge(check);
    if (report == NULL) {
        fail_msg("%s", check_fault(check));
    }
    *ret_check = check;
    return report;
}
