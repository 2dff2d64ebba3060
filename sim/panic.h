/* A failed assertion of a core under simulation must name the seed instead of ending the program. Private to sim/. */
#ifndef STEAD_SIM_PANIC_H
#define STEAD_SIM_PANIC_H

#include <setjmp.h>

struct panic {
    jmp_buf back;
    const char *file, *condition;
    int line;
};

/* Where this thread's panics go from now on; NULL: nowhere special. */
void panic_catch(struct panic *panic);

#endif
