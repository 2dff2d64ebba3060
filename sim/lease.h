/* The sweeper's lease in a simulated world. Private to sim/. */
#ifndef STEAD_SIM_LEASE_H
#define STEAD_SIM_LEASE_H

#include <stdint.h>

/* The sweeper's lease, as the broker has it. */
struct lease_record {
    uint64_t revision, written_ns;
    uint32_t holder; /* incarnation */
};

#endif
