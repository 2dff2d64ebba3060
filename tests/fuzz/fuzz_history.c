/* Whatever the lines are: each is taken or refused with a place and a reason, and what was taken is judged or refused
 * likewise. A taken line twice over ties one number twice, which is never taken silently. */
#include "check/check.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void judge(struct check *check)
{
    const struct check_report *report = check_judge(check);
    uint64_t broken = 0;
    if (report == NULL) {
        require(check_fault(check)[0] != '\0');
        return;
    }
    for (uint32_t rule = 0; rule < CHECK_RULE_COUNT; rule++) {
        broken += report->by_rule[rule];
    }
    require(broken == report->violations && report->listed_count <= report->violations);
    require(report->accepted <= report->requests && report->terminal <= report->accepted);
    require(report->lost <= report->accepted - report->terminal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char end[] = "{\"t\":18446744073709551615,\"proc\":\"driver\",\"op\":\"info\",\"f\":\"end\"}";
    struct check *check = check_new();
    const char *text = (const char *)data, *past = text + size;
    uint64_t number = 0;
    bool ok = check != NULL;
    require(ok);
    while (ok && text < past) {
        const char *line_end = memchr(text, '\n', (size_t)(past - text));
        size_t length = (size_t)((line_end != NULL ? line_end : past) - text);
        ok = check_line(check, "fuzz", ++number, text, length);
        require(ok == (check_fault(check)[0] == '\0'));
        text = line_end != NULL ? line_end + 1 : past;
    }
    if (ok) {
        check_line(check, "fuzz", ++number, end, sizeof(end) - 1);
    }
    judge(check);
    check_free(check);
    return 0;
}
