/* Bytes and paths that no well-behaved client sends: a table of what is refused and with which reason. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/grpc/fixture.h"

static struct fixture fixture;

static int start(void **state)
{
    fixture_start(&fixture, (struct rpc_server_options){ .body_ns_max = 400000000 });
    return 0;
}

static int stop(void **state)
{
    fixture_stop(&fixture);
    return 0;
}

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }
#define NAME                                                                                                           \
    "\x0a\x04"                                                                                                         \
    "echo"
/* id "1", source "/s", spec_version "1.0", type "t", as fields of an event */
#define ID                                                                                                             \
    "\x0a\x01"                                                                                                         \
    "1"
#define SOURCE "\x12\x02/s"
#define SPEC                                                                                                           \
    "\x1a\x03"                                                                                                         \
    "1.0"
#define TYPE "\x22\x01t"

static void bad_messages_are_refused(void **state)
{
    static const struct {
        struct bytes message;
        int status;
        const char *reason;
        const char *field; /* of the violation, or NULL */
        const char *violation;
    } table[] = {
        { BYTES(NAME "\x12\x0f" ID SOURCE SPEC TYPE), RPC_STATUS_OK, "", NULL, NULL },
        { BYTES(""), RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", "name", NULL },
        { BYTES("\xff\xff\xff"), RPC_STATUS_INVALID_ARGUMENT, "BAD_REQUEST_ENCODING", NULL, NULL },
        { BYTES("\x12\x0f" ID SOURCE SPEC TYPE), RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", "name", NULL },
        { BYTES(NAME), RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event", "missing_attribute" },
        { BYTES("\x0a\x03"
                "a\0b\x12\x0f" ID SOURCE SPEC TYPE),
          RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", "name", NULL },
        { BYTES("\x0a\x02\xc3\x28\x12\x0f" ID SOURCE SPEC TYPE), RPC_STATUS_INVALID_ARGUMENT, "INVALID_REQUEST", "name",
          NULL },
        { BYTES(NAME "\x12\x0c" SOURCE SPEC TYPE), RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.id",
          "missing_attribute" },
        { BYTES(NAME "\x12\x0b" ID SPEC TYPE), RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.source",
          "missing_attribute" },
        { BYTES(NAME "\x12\x0c" ID SOURCE SPEC), RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.type",
          "missing_attribute" },
        { BYTES(NAME "\x12\x0f" ID SOURCE "\x1a\x03"
                     "9.9" TYPE),
          RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.specversion", "bad_specversion" },
        { BYTES(NAME "\x12\x11"
                     "\x0a\x03"
                     "1\0"
                     "2" SOURCE SPEC TYPE),
          RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.id", "bad_character" },
        { BYTES(NAME "\x12\x10"
                     "\x0a\x02\xc3\x28" SOURCE SPEC TYPE),
          RPC_STATUS_INVALID_ARGUMENT, "INVALID_EVENT", "event.id", "bad_utf8" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_EXECUTE, table[i].message);
        if (reply->status != table[i].status || !bytes_equal_text(reply->reason, table[i].reason))
            print_message("row %zu: %d %.*s %.*s\n", i, reply->status, (int)reply->reason.length,
                          (const char *)reply->reason.at, (int)reply->message.length, (const char *)reply->message.at);
        assert_int_equal(reply->status, table[i].status);
        assert_bytes_text(reply->reason, table[i].reason);
        assert_int_equal(reply->violation_count, table[i].field ? 1 : 0);
        if (table[i].field)
            assert_bytes_text(reply->violations[0].key, table[i].field);
        if (table[i].violation) {
            assert_int_equal(reply->pair_count, 1);
            assert_bytes_text(reply->pairs[0].key, "violation");
            assert_bytes_text(reply->pairs[0].value, table[i].violation);
        }
        rpc_reply_free(reply);
    }
    assert_int_equal(fixture.received, 1);
    assert_int_equal(fixture_in_flight(&fixture), 0);
}

static void bad_admin_messages_are_refused(void **state)
{
    static const struct {
        const char *path;
        struct bytes message;
        const char *field;
    } table[] = {
        { RPC_PATH_GET, BYTES(""), "name" },
        { RPC_PATH_REMOVE, BYTES("\x0a\x01\x00"), "name" },
        { RPC_PATH_LIST, BYTES("\x0a\x01\xff"), "language" },
        { RPC_PATH_DEPLOY, BYTES(""), "name" },
        { RPC_PATH_DEPLOY, BYTES("\x12\x01x"), "files" },
        { RPC_PATH_DEPLOY, BYTES("\x12\x01x\x1a\x00"), "files.path" },
        { RPC_PATH_DEPLOY, BYTES("\x12\x01x\x22\x01\xff\x1a\x03\x0a\x01x"), "manifest" },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rpc_reply *reply = fixture_call_bytes(&fixture, table[i].path, table[i].message);
        assert_int_equal(reply->status, RPC_STATUS_INVALID_ARGUMENT);
        assert_int_equal(reply->violation_count, 1);
        assert_bytes_text(reply->violations[0].key, table[i].field);
        rpc_reply_free(reply);
    }
}

/* 100,000 unknown fields in 200 kB would cost protobuf-c megabytes; here they cost a walk. */
static void a_flood_of_fields_is_refused(void **state)
{
    enum { SIZE = 200000 };
    uint8_t *flood = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i += 2) {
        flood[i] = 0x78;
        flood[i + 1] = 1;
    }
    struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_EXECUTE, (struct bytes){ flood, SIZE });
    assert_int_equal(reply->status, RPC_STATUS_RESOURCE_EXHAUSTED);
    assert_bytes_text(reply->reason, "EVENT_TOO_LARGE");
    rpc_reply_free(reply);
    free(flood);
}

static void unknown_methods_are_unimplemented(void **state)
{
    static const char *const paths[] = { "/no.Service/Method", "/function.v1.FunctionService/Execute", "/x" };
    for (int round = 0; round < 5; round++)
        for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
            struct rpc_reply *reply = fixture_call_bytes(&fixture, paths[i], bytes_of("x"));
            assert_int_equal(reply->status, RPC_STATUS_UNIMPLEMENTED);
            rpc_reply_free(reply);
        }
    assert_int_equal(fixture.received, 0);
}

static void the_bare_path_is_the_same_method(void **state)
{
    static const struct bytes message = BYTES(NAME "\x12\x0f" ID SOURCE SPEC TYPE);
    struct rpc_reply *reply = fixture_call_bytes(&fixture, RPC_PATH_EXECUTE_BARE, message);
    assert_int_equal(reply->status, RPC_STATUS_OK);
    assert_bytes_text(reply->request_id, "r1");
    rpc_reply_free(reply);
}

/* HTTP/2 by hand: preface, SETTINGS, HEADERS without the end of the stream, and then silence. */
static int connect_raw(void)
{
    const char *address = rpc_server_address(fixture.server, 0);
    struct sockaddr_in name = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10)) };
    inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static void header(uint8_t **at, const char *name, const char *value)
{
    *(*at)++ = 0x00; /* literal, never indexed, new name */
    *(*at)++ = (uint8_t)strlen(name);
    *at = (uint8_t *)stpcpy((char *)*at, name);
    *(*at)++ = (uint8_t)strlen(value);
    *at = (uint8_t *)stpcpy((char *)*at, value);
}

static void a_slow_body_is_given_up(void **state)
{
    uint8_t bytes[1024];
    uint8_t *at = bytes;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
    memcpy(at, preface, sizeof preface);
    at += sizeof preface;
    uint8_t *frame = at;
    at += 9;
    header(&at, ":method", "POST");
    header(&at, ":scheme", "http");
    header(&at, ":path", RPC_PATH_EXECUTE_BARE);
    header(&at, ":authority", "x");
    header(&at, "te", "trailers");
    header(&at, "content-type", "application/grpc");
    size_t length = (size_t)(at - frame) - 9;
    const uint8_t head[9] = { 0, (uint8_t)(length >> 8), (uint8_t)length, 1, 4, 0, 0, 0, 1 };
    memcpy(frame, head, sizeof head);
    int fd = connect_raw();
    assert_int_equal(write(fd, bytes, (size_t)(at - bytes)), at - bytes);
    struct rpc_server_counters counters = { 0 };
    for (int i = 0; i < 1000 && counters.in_flight == 0; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        rpc_server_counters(fixture.server, &counters);
    }
    assert_int_equal(counters.in_flight, 1);
    for (int i = 0; i < 2000 && counters.in_flight == 1; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        rpc_server_counters(fixture.server, &counters);
    }
    assert_int_equal(counters.in_flight, 0);
    close(fd);
    assert_int_equal(fixture.received, 0);
}

static void http_1_is_closed(void **state)
{
    int fd = connect_raw();
    char buffer[4096];
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
    struct timeval limit = { .tv_sec = 10 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0)
        continue;
    assert_int_equal(got, 0);
    close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(bad_messages_are_refused),
        TEST(bad_admin_messages_are_refused),
        TEST(a_flood_of_fields_is_refused),
        TEST(unknown_methods_are_unimplemented),
        TEST(the_bare_path_is_the_same_method),
        TEST(a_slow_body_is_given_up),
        TEST(http_1_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
