/* Death tests in one process: a failed ASSERT of the core jumps back to the test that expects it; any other ends the
 * program. One thread only. */
#ifndef STEAD_TESTS_UNIT_CORE_PANIC_H
#define STEAD_TESTS_UNIT_CORE_PANIC_H

#include <setjmp.h>

/* Where the next panic of the core jumps to, NULL: it aborts. */
extern jmp_buf *panic_back;

#define assert_panics(expression)                                                                                      \
    do {                                                                                                               \
        jmp_buf back;                                                                                                  \
        if (setjmp(back) == 0) {                                                                                       \
            panic_back = &back;                                                                                        \
            expression;                                                                                                \
            panic_back = NULL;                                                                                         \
            fail_msg("%s should have panicked", #expression);                                                          \
        }                                                                                                              \
        panic_back = NULL;                                                                                             \
    } while (0)

#endif
