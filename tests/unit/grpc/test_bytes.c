/* The parts that need no server: the capped arena, the wire check, cutting texts, decoding of bad requests. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "adapters/grpc/rpc_decode.h"
#include "adapters/grpc/rpc_details.h"
#include "adapters/grpc/rpc_request.h"
#include "adapters/grpc/rpc_wire.h"
#include "proto/function_service.pb-c.h"

static void arena_stops_at_its_limit(void **state)
{
    struct rpc_arena arena;
    rpc_arena_init(&arena, 10000);
    for (int round = 0; round < 3; round++) {
        assert_non_null(rpc_arena_take(&arena, 1));
        assert_non_null(rpc_arena_take(&arena, 5000));
        assert_false(arena.exhausted);
        assert_null(rpc_arena_take(&arena, 5000));
        assert_null(rpc_arena_take(&arena, SIZE_MAX));
        assert_true(arena.exhausted);
        rpc_arena_reset(&arena);
        assert_false(arena.exhausted);
        assert_true(arena.reserved <= 5008);
    }
    rpc_arena_free(&arena);
}

static void arena_is_aligned(void **state)
{
    struct rpc_arena arena;
    rpc_arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 100; size++)
        assert_int_equal((uintptr_t)rpc_arena_take(&arena, size) % _Alignof(max_align_t), 0);
    rpc_arena_free(&arena);
}

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        (const uint8_t *)(text), sizeof(text) - 1                                                                      \
    }

static void wire_check_knows_bad_bytes(void **state)
{
    static const struct {
        struct bytes message;
        enum rpc_wire wire;
    } table[] = {
        { BYTES(""), RPC_WIRE_FINE },
        { BYTES("\x0a\x04"
                "echo"),
          RPC_WIRE_FINE },
        { BYTES("\x0a\x05"
                "echo"),
          RPC_WIRE_MALFORMED },                                                        /* cut off */
        { BYTES("\x0a"), RPC_WIRE_MALFORMED },                                         /* no length */
        { BYTES("\x02\x00"), RPC_WIRE_MALFORMED },                                     /* field number 0 */
        { BYTES("\x08\x01"), RPC_WIRE_MALFORMED },                                     /* name as a number */
        { BYTES("\x7b\x7c"), RPC_WIRE_MALFORMED },                                     /* a group */
        { BYTES("\x78\x01\x7d\x01\x02\x03\x04"), RPC_WIRE_FINE },                      /* unknown fields */
        { BYTES("\x78\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"), RPC_WIRE_MALFORMED }, /* over 64 bits */
        { BYTES("\xff\xff\xff\xff\x7f\x01"), RPC_WIRE_MALFORMED },                     /* field number too large */
        { BYTES("\x12\x02\x0a\x05"), RPC_WIRE_MALFORMED },                             /* cut off inside the event */
        { BYTES("\x12\x06\x2a\x04\x12\x02\x42\x05"), RPC_WIRE_MALFORMED },             /* and deeper */
        { BYTES("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), RPC_WIRE_MALFORMED },
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(rpc_wire_check(&function__v1__execute_function_request__descriptor, table[i].message, 100),
                         table[i].wire);
}

static void wire_check_counts_fields_at_all_levels(void **state)
{
    uint8_t message[402] = { 0x12, 0x8f, 0x03 }; /* an event of 399 bytes: unknown fields of two bytes */
    for (size_t i = 3; i + 1 < sizeof message; i += 2)
        message[i] = 0x78;
    message[1] = 0x8e;
    struct bytes bytes = { message, 3 + 0x18e };
    assert_int_equal(rpc_wire_check(&function__v1__execute_function_request__descriptor, bytes, 200), RPC_WIRE_FINE);
    assert_int_equal(rpc_wire_check(&function__v1__execute_function_request__descriptor, bytes, 199),
                     RPC_WIRE_TOO_MANY);
}

static void text_is_cut_between_characters(void **state)
{
    struct bytes text = bytes_of("a\xe2\x82\xac");
    assert_int_equal(rpc_text_cut(text, 10).length, 4);
    assert_int_equal(rpc_text_cut(text, 4).length, 4);
    assert_int_equal(rpc_text_cut(text, 3).length, 1);
    assert_int_equal(rpc_text_cut(text, 2).length, 1);
    assert_int_equal(rpc_text_cut(text, 0).length, 0);
}

/* Any prefix and any single flipped byte of a request is decoded or refused, without a leak or a bad read. */
static void decoder_survives_damage(void **state)
{
    struct rpc_query query = { .name = bytes_of("echo"),
                               .data = bytes_of("data"),
                               .content_type = bytes_of("text/plain") };
    struct event_buffer message = { 0 };
    assert_true(rpc_client_encode(&query, &message));
    struct rpc_decoder decoder;
    struct rpc_refusal refusal;
    rpc_decoder_init(&decoder, 65536, 65536);
    unsigned decoded = 0;
    for (size_t i = 0; i <= message.length; i++) {
        uint8_t *exact = malloc(i + 1);
        memcpy(exact, message.at, i);
        struct rpc_request *request = rpc_decode(&decoder, RPC_EXECUTE, (struct bytes){ exact, i }, &refusal);
        decoded += request != NULL;
        rpc_request_free(request);
        free(exact);
    }
    assert_true(decoded >= 1);
    for (size_t i = 0; i < message.length; i++)
        for (int flip = 1; flip < 256; flip *= 2) {
            message.at[i] ^= (uint8_t)flip;
            for (int kind = RPC_EXECUTE; kind < RPC_CANCELLED; kind++)
                rpc_request_free(
                    rpc_decode(&decoder, (enum rpc_kind)kind, (struct bytes){ message.at, message.length }, &refusal));
            message.at[i] ^= (uint8_t)flip;
        }
    rpc_decoder_free(&decoder);
    event_buffer_free(&message);
}

static void details_fit_into_trailers(void **state)
{
    static uint8_t much[100000];
    memset(much, 'x', sizeof much);
    struct bytes large = { much, sizeof much };
    struct rpc_pair pairs[40];
    for (size_t i = 0; i < 40; i++)
        pairs[i] = (struct rpc_pair){ bytes_of("key"), large };
    struct rpc_answer answer = { .status = RPC_STATUS_INTERNAL,
                                 .text = large,
                                 .reason = bytes_of("PLUGIN_CRASHED"),
                                 .violation_field = large,
                                 .retry_after_ms = 5,
                                 .pairs = pairs,
                                 .pair_count = 40 };
    grpc_slice packed;
    assert_true(rpc_details_pack(&answer, &packed));
    assert_true(GRPC_SLICE_LENGTH(packed) <= RPC_DETAILS_BYTES_MAX + 500);
    grpc_slice_unref(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_stops_at_its_limit),       cmocka_unit_test(arena_is_aligned),
        cmocka_unit_test(wire_check_knows_bad_bytes),     cmocka_unit_test(wire_check_counts_fields_at_all_levels),
        cmocka_unit_test(text_is_cut_between_characters), cmocka_unit_test(decoder_survives_damage),
        cmocka_unit_test(details_fit_into_trailers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
