/* Base64 with the standard alphabet and padding. Decoding refuses everything that an encoder would not have written:
 * white space, missing padding and stray bits, so that one text means one run of bytes. */
#include "adapters/cloudevents/internal.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool cloudevents_base64_decode(struct bytes text, struct event_buffer *data)
{
    if (text.length % 4 != 0) {
        return false;
    }
    for (size_t at = 0; at < text.length; at += 4) {
        bool last = at + 4 == text.length;
        size_t pads = !last || text.at[at + 3] != '=' ? 0 : text.at[at + 2] == '=' ? 2 : 1;
        uint32_t group = 0;
        for (size_t i = 0; i < 4; i++) {
            int digit = i < 4 - pads ? digit_of(text.at[at + i]) : 0;
            if (digit < 0) {
                return false;
            }
            group = group << 6 | (uint32_t)digit;
        }
        uint8_t three[3] = { (uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group };
        if ((pads > 0 && three[2] != 0) || (pads > 1 && three[1] != 0)) {
            return false;
        }
        event_buffer_append(data, three, 3 - pads);
    }
    return true;
}

void cloudevents_base64_encode(struct event_buffer *text, struct bytes data)
{
    for (size_t at = 0; at < data.length; at += 3) {
        size_t have = data.length - at < 3 ? data.length - at : 3;
        uint32_t group = (uint32_t)data.at[at] << 16;
        group |= have > 1 ? (uint32_t)data.at[at + 1] << 8 : 0;
        group |= have > 2 ? (uint32_t)data.at[at + 2] : 0;
        char four[4] = { alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
                         alphabet[group & 63] };
        four[3] = have > 2 ? four[3] : '=';
        four[2] = have > 1 ? four[2] : '=';
        event_buffer_append(text, four, sizeof four);
    }
}
