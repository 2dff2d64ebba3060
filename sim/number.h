/* A number as text, wherever the simulator is told one: "7", not "-7", " 7", "7x" or more than 64 bits. Pure. */
#ifndef STEAD_SIM_NUMBER_H
#define STEAD_SIM_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

bool sim_number_read(const char *text, uint64_t *ret_number);

#endif
