/* ASSERT: our bugs stop the program, in every build. Input from strangers never asserts; it is answered.
 *
 * The core's only undefined symbol beside mem* is stead_panic(), which the program that links the core must give. */
#ifndef STEAD_CORE_ASSERT_H
#define STEAD_CORE_ASSERT_H

/* Reports and ends the program; never returns. Text is static. */
_Noreturn void stead_panic(const char *file, int line, const char *condition);

#define ASSERT(condition)                                                                                              \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0)) {                                                                       \
            stead_panic(__FILE__, __LINE__, #condition);                                                               \
        }                                                                                                              \
    } while (0)

#endif
