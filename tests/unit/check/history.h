/* Histories in short for tests: one fact a line, "t proc op f key=value ...", as JSON lines to a check. Values of
 * digits alone are numbers. */
#ifndef STEAD_TESTS_UNIT_CHECK_HISTORY_H
#define STEAD_TESTS_UNIT_CHECK_HISTORY_H

#include "check/check.h"

/* Judges them; fails the test if they cannot be read. The caller frees *ret_check, which holds the report. */
const struct check_report *history_judge(const char *lines, struct check **ret_check);

#endif
