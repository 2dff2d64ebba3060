/* Findings, as judgements add them, and spans of time in words. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void report_add(struct report *report, enum level level, const char *about, const char *advice, const char *format, ...)
{
    if (report->count == FINDINGS_MAX) {
        return;
    }
    struct finding *finding = &report->findings[report->count++];
    va_list arguments;
    va_start(arguments, format);
    *finding = (struct finding){ .level = level };
    snprintf(finding->about, sizeof finding->about, "%s", about);
    snprintf(finding->advice, sizeof finding->advice, "%s", advice == NULL ? "" : advice);
    vsnprintf(finding->seen, sizeof finding->seen, format, arguments);
    va_end(arguments);
}

void span_text(int64_t ns, char ret_text[SPAN_BYTES])
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        { "h", INT64_C(3600000000000) }, { "m", INT64_C(60000000000) }, { "s", 1000000000 }, { "ms", 1000000 }
    };
    size_t unit = 0;
    if (ns <= 0) {
        snprintf(ret_text, SPAN_BYTES, "%s", ns == 0 ? "ever" : "less than nothing");
        return;
    }
    while (unit + 1 < sizeof units / sizeof units[0] && ns % units[unit].ns != 0 && ns < 10 * units[unit].ns) {
        unit++;
    }
    snprintf(ret_text, SPAN_BYTES, "%lld%s", (long long)(ns / units[unit].ns), units[unit].name);
}

void report_count(const struct report *report, size_t ret_counts[3])
{
    memset(ret_counts, 0, 3 * sizeof ret_counts[0]);
    for (size_t i = 0; i < report->count; i++) {
        ret_counts[report->findings[i].level]++;
    }
}
