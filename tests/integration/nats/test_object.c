/* Objects of all awkward sizes, there and back; forged and missing bytes are noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "server.h"

static struct server server;
static struct broker *broker;
static struct broker_error error;
static const char *const bucket = BROKER_BUCKET_CODE;

static uint8_t *bytes_make(size_t length)
{
    uint8_t *bytes = malloc(length + 1);
    for (size_t i = 0; i < length; i++) {
        bytes[i] = (uint8_t)(i * 7 + (i >> 8));
    }
    return bytes;
}

static void expect_content(const char *name, const uint8_t *want, size_t length)
{
    uint8_t *content = NULL;
    struct broker_object object;
    enum broker_status status = broker_object_get(broker, bucket, name, 8 << 20, &content, &object, &error);
    if (status != BROKER_OK) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(object.size, length);
    assert_memory_equal(content, want, length);
    free(content);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = { 0, 1, 131071, 131072, 131073, 262144, 1048577, 3145728 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *bytes = bytes_make(sizes[i]);
        struct broker_object object;
        assert_int_equal(broker_object_put(broker, bucket, "go/process data/\"3\" \xc3\xa9",
                                           (struct bytes){ bytes, sizes[i] }, &object, &error),
                         BROKER_OK);
        assert_int_equal(object.chunks, (sizes[i] + 131071) / 131072);
        expect_content("go/process data/\"3\" \xc3\xa9", bytes, sizes[i]);
        free(bytes);
    }
}

static void test_replacing_frees_the_old(void **state)
{
    struct broker_stream stream;
    uint8_t *bytes = bytes_make(400000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(broker_object_put(broker, bucket, "x", (struct bytes){ bytes, 400000 }, NULL, &error),
                         BROKER_OK);
    }
    assert_int_equal(broker_object_delete(broker, bucket, "go/process data/\"3\" \xc3\xa9", &error), BROKER_OK);
    assert_int_equal(broker_stream_info(broker, "OBJ_function-code", &stream, &error), BROKER_OK);
    assert_int_equal(stream.messages, 4 + 1 + 1); /* chunks and description of x, the other's tombstone */
    free(bytes);
}

static void count_object(void *owner, const struct broker_object *object)
{
    assert_string_equal(object->name, "x");
    assert_int_equal(object->size, 400000);
    (*(uint32_t *)owner)++;
}

static void test_list_and_delete(void **state)
{
    uint32_t count = 0;
    uint8_t *content = NULL;
    assert_int_equal(broker_object_each(broker, bucket, count_object, &count, &error), BROKER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(broker_object_get(broker, bucket, "x", 1000, &content, NULL, &error), BROKER_TOO_LARGE);
    assert_int_equal(broker_object_delete(broker, bucket, "x", &error), BROKER_OK);
    assert_int_equal(broker_object_get(broker, bucket, "x", 1 << 20, &content, NULL, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_object_get(broker, bucket, "never", 1 << 20, &content, NULL, &error), BROKER_NOT_FOUND);
    assert_int_equal(broker_object_put(broker, bucket, "", bytes_of("a"), NULL, &error), BROKER_INVALID);
    assert_null(content);
}

/* The description of "f" (base64url "Zg==") says what `meta` says; its chunks are one message. */
static void forge(const char *meta, const char *chunk)
{
    natsConnection *connection = NULL;
    natsMsg *reply = NULL;
    assert_int_equal(natsConnection_ConnectTo(&connection, server.url), NATS_OK);
    assert_int_equal(natsConnection_RequestString(&reply, connection, "$O.function-code.C.n1", chunk, 2000), NATS_OK);
    natsMsg_Destroy(reply);
    assert_int_equal(natsConnection_RequestString(&reply, connection, "$O.function-code.M.Zg==", meta, 2000), NATS_OK);
    natsMsg_Destroy(reply);
    natsConnection_Destroy(connection);
}

static void test_forged(void **state)
{
    static const char *const forgeries[] = {
        "{\"name\":\"f\",\"nuid\":\"n1\",\"size\":3,\"chunks\":1,\"digest\":\"SHA-256=AAAA\"}",
        "{\"name\":\"f\",\"nuid\":\"n1\",\"size\":2,\"chunks\":1,\"digest\":\"SHA-256=AAAA\"}",
        "{\"name\":\"f\",\"nuid\":\"n1\",\"size\":3,\"chunks\":90,\"digest\":\"\"}",
        "{\"name\":\"f\",\"nuid\":\"n1\",\"size\":3}",
        "not JSON",
    };
    for (size_t i = 0; i < sizeof forgeries / sizeof forgeries[0]; i++) {
        uint8_t *content = NULL;
        forge(forgeries[i], "abc");
        assert_int_equal(broker_object_get(broker, bucket, "f", 1 << 20, &content, NULL, &error), BROKER_CORRUPT);
        assert_null(content);
    }
    forge("{\"name\":\"f\",\"nuid\":\"n1\",\"size\":9e15,\"chunks\":1,\"digest\":\"\"}", "abc");
    uint8_t *content = NULL;
    assert_int_equal(broker_object_get(broker, bucket, "f", SIZE_MAX, &content, NULL, &error), BROKER_TOO_LARGE);
    assert_int_equal(broker_object_put(broker, bucket, "f", bytes_of("good"), NULL, &error), BROKER_OK);
    expect_content("f", (const uint8_t *)"good", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_replacing_frees_the_old),
        cmocka_unit_test(test_list_and_delete),
        cmocka_unit_test(test_forged),
    };
    server_prepare(&server);
    server_start(&server);
    broker = server_broker(&server);
    server_provision(broker);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    broker_close(broker);
    server_remove(&server);
    return failed;
}
