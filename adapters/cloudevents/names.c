/* Rules for names: see names.h. Each rule is a loop over ASCII ranges, so no locale and no regular expressions. */
#include "adapters/cloudevents/names.h"
#include "adapters/cloudevents/cloudevents.h"

#include <assert.h>
#include <string.h>

static const char *const languages[] = {
#define X(code, name) name,
    CLOUDEVENTS_LANGUAGES(X)
#undef X
};

static const char *const reserved[] = { "result", "status", "health", "dead", "cancel" };

bool cloudevents_function_name_valid(struct bytes name)
{
    if (name.length == 0 || name.length > CLOUDEVENTS_FUNCTION_BYTES_MAX || name.at[0] < 'a' || name.at[0] > 'z') {
        return false;
    }
    for (size_t i = 1; i < name.length; i++) {
        uint8_t c = name.at[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

bool cloudevents_language_find(struct bytes name, enum cloudevents_language *ret_language)
{
    for (int i = 0; i < CLOUDEVENTS_LANGUAGE_COUNT; i++) {
        if (bytes_equal_text(name, languages[i])) {
            *ret_language = (enum cloudevents_language)i;
            return true;
        }
    }
    return false;
}

const char *cloudevents_language_name(enum cloudevents_language language)
{
    assert((size_t)language < CLOUDEVENTS_LANGUAGE_COUNT);
    return languages[language];
}

bool cloudevents_language_reserved(struct bytes name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        if (bytes_equal_text(name, reserved[i])) {
            return true;
        }
    }
    return false;
}

bool cloudevents_request_id_valid(struct bytes id)
{
    if (id.length == 0 || id.length > CLOUDEVENTS_REQUEST_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.length; i++) {
        uint8_t c = id.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '.' || c == '*' || c == '>') {
            return false;
        }
    }
    return true;
}

bool cloudevents_subject_parse(struct bytes subject, struct bytes *ret_language, struct bytes *ret_function)
{
    static const char prefix[] = "function.";
    size_t start = sizeof prefix - 1;
    if (subject.length <= start || memcmp(subject.at, prefix, start) != 0) {
        return false;
    }
    const uint8_t *dot = memchr(subject.at + start, '.', subject.length - start);
    if (dot == NULL) {
        return false;
    }
    struct bytes language = { subject.at + start, (size_t)(dot - subject.at) - start };
    struct bytes function = { dot + 1, subject.length - start - language.length - 1 };
    enum cloudevents_language known;
    if (!cloudevents_language_find(language, &known) || !cloudevents_function_name_valid(function)) {
        return false;
    }
    *ret_language = language;
    *ret_function = function;
    return true;
}
