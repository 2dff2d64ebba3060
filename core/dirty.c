/* The functions that the pump has to look at: a list in order of asking, each in it once. */
#include "core/banned.h"
#include "core/machine.h"

void function_dirty(struct core *core, uint32_t index)
{
    struct function *function = function_at(core, index);
    if (function->dirty) {
        return;
    }
    function->dirty = true;
    function->dirty_next = NOWHERE;
    if (core->dirty_last == NOWHERE) {
        core->dirty_first = index;
    } else {
        function_at(core, core->dirty_last)->dirty_next = index;
    }
    core->dirty_last = index;
}
