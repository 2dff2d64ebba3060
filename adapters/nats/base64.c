/* Base64 in the two alphabets that the broker's formats use: the standard one for stored messages inside JSON, the one
 * for URLs for object names and digests. Decoding accepts exactly what encoding writes: padded, no line breaks. */
#include "adapters/nats/wire.h"

#include <string.h>

static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a digit, or -1. `plus` and `slash` are the two digits that differ between the alphabets. */
static int digit_value(uint8_t digit, char plus, char slash)
{
    if (digit >= 'A' && digit <= 'Z') {
        return digit - 'A';
    }
    if (digit >= 'a' && digit <= 'z') {
        return digit - 'a' + 26;
    }
    if (digit >= '0' && digit <= '9') {
        return digit - '0' + 52;
    }
    return digit == (uint8_t)plus ? 62 : digit == (uint8_t)slash ? 63 : -1;
}

static int64_t decode(struct bytes text, char plus, char slash, uint8_t *ret_bytes, size_t capacity)
{
    if (text.length % 4 != 0) {
        return -1;
    }
    size_t padding = 0;
    while (padding < 2 && padding < text.length && text.at[text.length - 1 - padding] == '=') {
        padding++;
    }
    size_t length = text.length / 4 * 3 - padding;
    if (length > capacity) {
        return -1;
    }
    size_t written = 0;
    for (size_t i = 0; i < text.length; i += 4) {
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++) {
            bool pad = i + k >= text.length - padding;
            int value = pad ? 0 : digit_value(text.at[i + k], plus, slash);
            if (value < 0) {
                return -1;
            }
            group = group << 6 | (uint32_t)value;
        }
        for (int shift = 16; shift >= 0 && written < length; shift -= 8) {
            ret_bytes[written++] = (uint8_t)(group >> shift);
        }
    }
    return (int64_t)written;
}

int64_t wire_base64_decode(struct bytes text, uint8_t *ret_bytes, size_t capacity)
{
    return decode(text, '+', '/', ret_bytes, capacity);
}

bool wire_base64url_encode(struct bytes bytes, char *ret_text, size_t capacity)
{
    size_t used = 0;
    if ((bytes.length + 2) / 3 * 4 + 1 > capacity) {
        return false;
    }
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t rest = bytes.length - i;
        uint32_t group = (uint32_t)bytes.at[i] << 16 | (rest > 1 ? (uint32_t)bytes.at[i + 1] << 8 : 0) |
                         (rest > 2 ? bytes.at[i + 2] : 0);
        ret_text[used++] = alphabet_url[group >> 18];
        ret_text[used++] = alphabet_url[group >> 12 & 63];
        ret_text[used++] = rest > 1 ? alphabet_url[group >> 6 & 63] : '=';
        ret_text[used++] = rest > 2 ? alphabet_url[group & 63] : '=';
    }
    ret_text[used] = '\0';
    return true;
}

bool wire_base64url_decode(struct bytes text, char *ret_text, size_t capacity)
{
    if (capacity == 0) {
        return false;
    }
    int64_t length = decode(text, '-', '_', (uint8_t *)ret_text, capacity - 1);
    if (length < 0 || memchr(ret_text, 0, (size_t)length) != NULL) {
        return false;
    }
    ret_text[length] = '\0';
    return true;
}
