/* What the core must never call: included first by every file of the core, so that a slip is a compile error.
 *
 * The core has no clock, no I/O, no allocation, no randomness of its own and no locale (docs/ARCHITECTURE.md). Names
 * that are ordinary words too (clock, random) are left to the purity check, which looks at undefined symbols. */
#ifndef STEAD_CORE_BANNED_H
#define STEAD_CORE_BANNED_H

#pragma GCC poison malloc calloc realloc free alloca
#pragma GCC poison printf fprintf sprintf snprintf puts fputs fwrite fopen
#pragma GCC poison time clock_gettime gettimeofday nanosleep usleep sleep
#pragma GCC poison rand srand srandom drand48 getrandom
#pragma GCC poison qsort strtod strtol atoi getenv setlocale
#pragma GCC poison pthread_create pthread_mutex_lock read write open close socket

#endif
