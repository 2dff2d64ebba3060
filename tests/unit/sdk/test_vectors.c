/* The byte vectors that all SDKs share (tests/conformance/vectors), decoded and encoded by the C SDK and by the host's
 * codec.
 *
 * The SDK ends the process when the host breaks the protocol, and writes frames to fd 3. wire.c is therefore included
 * here with an _exit() that jumps back, and a writev() that keeps what is written. */
#include <sys/uio.h>
#include <unistd.h>

static void leave_by_jump(int status) __attribute__((noreturn));
static ssize_t keep_written(int fd, const struct iovec *parts, int count);
#define _exit  leave_by_jump
#define writev keep_written
#include "sdk/c/stead/wire.c" /* NOLINT(bugprone-suspicious-include) */
#undef _exit
#undef writev

#include "adapters/plugin/frame.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

enum { FRAMES_MAX = 4 };

static jmp_buf left;
static int left_status;
static struct event_buffer written;

static void leave_by_jump(int status)
{
    left_status = status;
    longjmp(left, 1);
}

static ssize_t keep_written(int fd, const struct iovec *parts, int count)
{
    ssize_t total = 0;
    assert_int_equal(fd, STEAD_WIRE_CHANNEL_FD);
    for (int i = 0; i < count; i++) {
        event_buffer_append(&written, parts[i].iov_base, parts[i].iov_len);
        total += (ssize_t)parts[i].iov_len;
    }
    return total;
}

/* ---- reading the vectors ---- */

static const cJSON *member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    assert_non_null(item);
    return item;
}

static uint8_t digit(char hex)
{
    assert_non_null(strchr("0123456789abcdef", hex));
    return (uint8_t)(hex <= '9' ? hex - '0' : hex - 'a' + 10);
}

/* Appends bytes written as a list of hex, or of {hex, times}. */
static void append_pieces(struct event_buffer *buffer, const cJSON *pieces)
{
    const cJSON *piece;
    cJSON_ArrayForEach(piece, pieces)
    {
        const char *hex = cJSON_IsString(piece) ? piece->valuestring : member(piece, "hex")->valuestring;
        int times = cJSON_IsString(piece) ? 1 : member(piece, "times")->valueint;
        for (int i = 0; i < times; i++) {
            for (const char *at = hex; at[0] != 0; at += 2) {
                uint8_t byte = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
                event_buffer_append(buffer, &byte, 1);
            }
        }
    }
}

/* A header as the SDK writes it. */
static struct stead_block block_of(const cJSON *header)
{
    struct stead_block block = { 0 };
    const cJSON *entry;
    cJSON_ArrayForEach(entry, header)
    {
        const char *value = cJSON_GetArrayItem(entry, 1)->valuestring;
        int times = cJSON_GetArraySize(entry) > 2 ? cJSON_GetArrayItem(entry, 2)->valueint : 1;
        struct event_buffer text = { 0 };
        for (int i = 0; i < times; i++) {
            event_buffer_append(&text, value, strlen(value));
        }
        stead_block_add(&block, cJSON_GetArrayItem(entry, 0)->valuestring, (stead_bytes){ text.at, text.length });
        event_buffer_free(&text);
    }
    assert_false(block.failed);
    return block;
}

/* ---- decoding ---- */

struct decoded {
    int count;
    const char *then;
    struct frame frames[FRAMES_MAX];
    size_t used;
};

static void decode_by_host(struct bytes input, struct decoded *decoded)
{
    for (;;) {
        size_t used = 0;
        const char *problem = NULL;
        struct bytes rest = { input.at + decoded->used, input.length - decoded->used };
        struct frame *frame = &decoded->frames[decoded->count];
        enum frame_verdict verdict = frame_decode(rest, FRAME_LENGTH_MAX_DEFAULT, frame, &used, &problem);
        if (verdict != FRAME_COMPLETE) {
            decoded->then = verdict == FRAME_BAD ? "bad" : rest.length > 0 ? "partial" : "end";
            return;
        }
        decoded->used += used;
        assert_true(++decoded->count < FRAMES_MAX);
    }
}

static void decode_by_sdk(struct bytes input, struct decoded *decoded)
{
    static stead_ctx ctx; /* not on the stack: it must survive the jump */
    ctx = (stead_ctx){ .input = (uint8_t *)input.at, .end = input.length, .frame_max = STEAD_WIRE_FRAME_MAX_DEFAULT };
    if (setjmp(left) != 0) {
        assert_int_equal(left_status, STEAD_WIRE_EXIT_PROTOCOL);
        decoded->then = "bad";
        return;
    }
    struct stead_frame frame;
    while (stead_parse_frame(&ctx, ctx.start, &frame)) {
        decoded->frames[decoded->count] = (struct frame){ .type = frame.type,
                                                          .flags = frame.flags,
                                                          .stream = frame.stream,
                                                          .header = { frame.header.p, frame.header.n },
                                                          .body = { frame.body.p, frame.body.n } };
        assert_true(++decoded->count < FRAMES_MAX);
        ctx.start += frame.whole;
    }
    decoded->used = ctx.start;
    decoded->then = ctx.start < ctx.end ? "partial" : "end";
}

static void check_frame(const cJSON *expected, const struct frame *frame)
{
    struct event_buffer body = { 0 };
    struct stead_block header = block_of(member(expected, "header"));
    append_pieces(&body, member(expected, "body"));
    assert_int_equal(frame->type, member(expected, "type")->valueint);
    assert_int_equal(frame->flags, member(expected, "flags")->valueint);
    assert_int_equal(frame->stream, member(expected, "stream")->valueint);
    assert_true(bytes_equal(frame->header, (struct bytes){ header.at, header.n }));
    assert_true(bytes_equal(frame->body, (struct bytes){ body.at, body.length }));
    const cJSON *entry;
    cJSON_ArrayForEach(entry, member(expected, "header"))
    {
        /* Both look-ups agree on the entry that counts. */
        const char *name = cJSON_GetArrayItem(entry, 0)->valuestring;
        struct bytes value = { 0 };
        stead_bytes found = stead_block_find((stead_bytes){ frame->header.at, frame->header.length }, name);
        assert_true(event_find(frame->header, name, &value));
        assert_true(bytes_equal(value, (struct bytes){ found.p, found.n }));
    }
    free(header.at);
    event_buffer_free(&body);
}

static void check_decoding(const cJSON *vector, struct bytes input, void (*decode)(struct bytes, struct decoded *))
{
    struct decoded decoded = { 0 };
    const cJSON *frames = member(vector, "frames");
    decode(input, &decoded);
    assert_string_equal(decoded.then, input.length == 0 ? "end" : member(vector, "then")->valuestring);
    assert_int_equal(decoded.count, cJSON_GetArraySize(frames));
    for (int i = 0; i < decoded.count; i++) {
        check_frame(cJSON_GetArrayItem(frames, i), &decoded.frames[i]);
    }
}

/* ---- encoding ---- */

static void check_encoding(const cJSON *vector, struct bytes expected)
{
    struct event_buffer by_host = { 0 };
    bool flags = false;
    const cJSON *item;
    written = (struct event_buffer){ 0 };
    cJSON_ArrayForEach(item, member(vector, "frames"))
    {
        struct event_buffer body = { 0 };
        append_pieces(&body, member(item, "body"));
        struct stead_block header = block_of(member(item, "header"));
        struct frame frame = { .type = (uint8_t)member(item, "type")->valueint,
                               .flags = (uint8_t)member(item, "flags")->valueint,
                               .stream = (uint16_t)member(item, "stream")->valueint,
                               .header = { header.at, header.n },
                               .body = { body.at, body.length } };
        flags = flags || frame.flags != 0;
        assert_true(frame_append(&by_host, frame, FRAME_LENGTH_MAX_DEFAULT));
        stead_send_block(frame.type, frame.stream, &header, (stead_bytes){ body.at, body.length });
        event_buffer_free(&body);
    }
    bool whole = strcmp(member(vector, "then")->valuestring, "end") == 0;
    assert_true(by_host.length <= expected.length && (!whole || by_host.length == expected.length));
    assert_memory_equal(by_host.at, expected.at, by_host.length);
    if (!flags) { /* the SDK sends none */
        assert_int_equal(written.length, by_host.length);
        assert_memory_equal(written.at, by_host.at, by_host.length);
    }
    event_buffer_free(&by_host);
    event_buffer_free(&written);
}

/* ---- the files ---- */

static void check_file(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    cJSON *root = cJSON_ParseWithLength(text, length);
    assert_non_null(root);
    const cJSON *vector;
    cJSON_ArrayForEach(vector, member(root, "vectors"))
    {
        struct event_buffer input = { 0 };
        append_pieces(&input, member(vector, "bytes"));
        uint8_t none = 0;
        struct bytes bytes = { input.at != NULL ? input.at : &none, input.length };
        print_message("%s\n", member(vector, "name")->valuestring);
        check_decoding(vector, bytes, decode_by_host);
        check_decoding(vector, bytes, decode_by_sdk);
        check_encoding(vector, bytes);
        event_buffer_free(&input);
    }
    cJSON_Delete(root);
}

static void test_all_vectors(void **state)
{
    (void)state;
    int files = 0;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char path[4096];
        size_t length = strlen(entry->d_name);
        if (length > 5 && strcmp(entry->d_name + length - 5, ".json") == 0) {
            snprintf(path, sizeof path, "%s/%s", VECTORS, entry->d_name);
            check_file(path);
            files++;
        }
    }
    closedir(folder);
    assert_true(files >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_all_vectors) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
