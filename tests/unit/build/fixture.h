/* Folders of functions made by tests, and a cache of their own to build them in. */
#ifndef STEAD_TESTS_UNIT_BUILD_FIXTURE_H
#define STEAD_TESTS_UNIT_BUILD_FIXTURE_H

#include "adapters/build/build.h"
#include "adapters/spawner/spawner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

extern struct build_options fixture_options;

/* First thing in main(): the spawner, and a cache in /tmp. */
bool fixture_start(void);
/* Removes everything that was made. */
void fixture_stop(void);

/* A new empty folder. */
void fixture_folder(char ret_folder[128]);
void fixture_write(const char *folder, const char *path, const char *text);
void fixture_write_bytes(const char *folder, const char *path, const void *bytes, size_t length, unsigned mode);

/* Fails the test with the message if the outcome is another one. `word` must be in the message; NULL: any message. */
void fixture_build(enum build_language language, const char *folder, enum build_outcome outcome, const char *word,
                   struct build_result *ret_result);
/* The same if the result does not matter. */
void fixture_expect(enum build_language language, const char *folder, enum build_outcome outcome, const char *word);
/* Runs a program to its end; its output, which the caller frees. */
char *fixture_run(const char *const *argv);
/* Skips the test, saying so, if the language's toolchain is missing. */
void fixture_need(enum build_language language);

#endif
