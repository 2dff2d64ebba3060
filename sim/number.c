/* strtoull() takes signs, spaces and what does not fit; this does not. */
#include "sim/number.h"

#include <errno.h>
#include <stdlib.h>

bool sim_number_read(const char *text, uint64_t *ret_number)
{
    char *rest;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    uint64_t number = strtoull(text, &rest, 10);
    if (errno != 0 || *rest != 0) {
        return false;
    }
    *ret_number = number;
    return true;
}
