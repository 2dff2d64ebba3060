/* The panic that the core needs from whoever links it: a jump for a test that waits for it, else the end. */
#include "tests/unit/core/panic.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/assert.h"

jmp_buf *panic_back;

_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    if (panic_back != NULL) {
        longjmp(*panic_back, 1);
    }
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}
