/* What functions, languages and requests may be called. One place for the rules, since a name is a subject token, a KV
 * key token, a file name and a metric label at once.
 *
 * Pure functions, thread-safe. */
#ifndef STEAD_ADAPTERS_CLOUDEVENTS_NAMES_H
#define STEAD_ADAPTERS_CLOUDEVENTS_NAMES_H

#include "adapters/event/event.h"

/* code, name. The one table of languages: subjects, stream, configuration and builds follow it. "bin" is an executable
 * that was built elsewhere. */
#define CLOUDEVENTS_LANGUAGES(X)                                                                                       \
    X(BIN, "bin")                                                                                                      \
    X(C, "c")                                                                                                          \
    X(GO, "go")                                                                                                        \
    X(JS, "js")                                                                                                        \
    X(PYTHON, "python")

enum cloudevents_language {
#define X(code, name) CLOUDEVENTS_LANGUAGE_##code,
    CLOUDEVENTS_LANGUAGES(X)
#undef X
        CLOUDEVENTS_LANGUAGE_COUNT
};

/* For messages; a test holds it against the table. */
#define CLOUDEVENTS_LANGUAGE_WORDS "bin, c, go, js, python"

enum { CLOUDEVENTS_FUNCTION_BYTES_MAX = 63 };

/* ^[a-z][a-z0-9_-]{0,62}$ */
bool cloudevents_function_name_valid(struct bytes name);
/* One of the table; false for anything else, reserved words included. */
bool cloudevents_language_find(struct bytes name, enum cloudevents_language *ret_language);
const char *cloudevents_language_name(enum cloudevents_language language);
/* result, status, health, dead and cancel are subjects of Stead's own below "function." and never languages. */
bool cloudevents_language_reserved(struct bytes name);
/* One subject token: 1 to 128 printable ASCII characters other than space . * > */
bool cloudevents_request_id_valid(struct bytes id);
/* Reads "function.<language>.<name>"; both parts are views into `subject`. False if it has another shape. */
bool cloudevents_subject_parse(struct bytes subject, struct bytes *ret_language, struct bytes *ret_function);

#endif
