/* Collects the host's events by copying every view, so that tests may look at them later. */
#include "tests/unit/plugin/host_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct bytes keep(char **cursor, struct bytes view)
{
    if (view.length == 0) {
        return (struct bytes){ 0 };
    }
    memcpy(*cursor, view.at, view.length);
    struct bytes kept = { (const uint8_t *)*cursor, view.length };
    *cursor += view.length;
    return kept;
}

static void on_event(void *owner, const struct plugin_event *event)
{
    struct host_test *test = owner;
    assert_true(test->count < SEEN_MAX);
    struct seen *seen = &test->seen[test->count++];
    seen->event = *event;
    seen->bytes =
        malloc(event->event.block.length + event->event.data.length + event->type.length + event->text.length + 1);
    assert_non_null(seen->bytes);
    char *cursor = seen->bytes;
    seen->event.event.block = keep(&cursor, event->event.block);
    seen->event.event.data = keep(&cursor, event->event.data);
    seen->event.type = keep(&cursor, event->type);
    seen->event.text = keep(&cursor, event->text);
}

void host_test_open(struct host_test *test, struct spawner *spawner, const struct plugin_host_options *options)
{
    memset(test, 0, sizeof *test);
    test->spawner = spawner;
    assert_int_equal(loop_create(&test->loop), 0);
    assert_int_equal(plugin_host_create(test->loop, spawner, options, on_event, test, &test->host), 0);
}

void host_test_close(struct host_test *test)
{
    plugin_host_free(test->host);
    loop_free(test->loop);
    for (size_t i = 0; i < test->count; i++) {
        free(test->seen[i].bytes);
    }
}

const struct plugin_event *host_test_await(struct host_test *test, uint32_t worker, enum plugin_event_kind kind)
{
    uint64_t deadline_ns = loop_now_ns() + 10000000000u;
    while (loop_now_ns() < deadline_ns) {
        for (; test->looked < test->count; test->looked++) {
            const struct plugin_event *event = &test->seen[test->looked].event;
            if (event->worker == worker && event->kind == kind) {
                test->looked++;
                return event;
            }
        }
        loop_run_once(test->loop, 50000000u);
    }
    return NULL;
}

size_t host_test_count(const struct host_test *test, uint32_t worker, enum plugin_event_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < test->count; i++) {
        count += test->seen[i].event.worker == worker && test->seen[i].event.kind == kind;
    }
    return count;
}

void host_test_start(struct host_test *test, uint32_t worker, const char *const *argv)
{
    struct plugin_program program = { .argv = argv, .function = "test/plugin", .version = "7" };
    assert_int_equal(plugin_start(test->host, worker, &program), 0);
}

void host_test_call(struct host_test *test, uint32_t worker, uint16_t stream, struct bytes data,
                    const char *content_type)
{
    struct event_buffer control = { 0 };
    struct event_buffer block = { 0 };
    event_buffer_attribute_text(&control, ":request-id", "request-1");
    event_buffer_attribute_text(&control, ":attempt", "1");
    event_buffer_attribute_text(&block, "specversion", "1.0");
    event_buffer_attribute_text(&block, "id", "event-1");
    event_buffer_attribute_text(&block, "source", "/test");
    event_buffer_attribute_text(&block, "type", "test.v1");
    event_buffer_attribute_text(&block, "test", "\xc3\xa9");
    if (content_type != NULL) {
        event_buffer_attribute_text(&block, "datacontenttype", content_type);
    }
    struct event event = { .block = { block.at, block.length }, .data = data };
    plugin_execute(test->host, worker, stream, (struct bytes){ control.at, control.length }, event);
    event_buffer_free(&control);
    event_buffer_free(&block);
}
