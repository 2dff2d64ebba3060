/* A loop, a spawner and a plugin host for tests, and what the host reported, kept as copies. */
#ifndef STEAD_TESTS_UNIT_PLUGIN_HOST_TEST_H
#define STEAD_TESTS_UNIT_PLUGIN_HOST_TEST_H

#include "adapters/plugin/plugin.h"

#include "adapters/loop/loop.h"
#include "adapters/spawner/spawner.h"

enum { SEEN_MAX = 4096 };

struct seen {
    struct plugin_event event; /* its views point into `bytes` */
    char *bytes;
};

struct host_test {
    struct loop *loop;
    struct spawner *spawner;
    struct plugin_host *host;
    struct seen seen[SEEN_MAX];
    size_t count;
    size_t looked; /* host_test_await() starts here */
};

void host_test_open(struct host_test *test, struct spawner *spawner, const struct plugin_host_options *options);
void host_test_close(struct host_test *test);
/* Runs the loop until the worker reports the kind (after what was awaited before); NULL after 10 s. */
const struct plugin_event *host_test_await(struct host_test *test, uint32_t worker, enum plugin_event_kind kind);
size_t host_test_count(const struct host_test *test, uint32_t worker, enum plugin_event_kind kind);
void host_test_start(struct host_test *test, uint32_t worker, const char *const *argv);
void host_test_call(struct host_test *test, uint32_t worker, uint16_t stream, struct bytes data,
                    const char *content_type);

#endif
