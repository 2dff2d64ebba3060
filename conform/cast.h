/* Which parts of a script the broker's model plays: its streams, consumers, subjects and ids as the numbers of
 * sim/jet.h. The model has one work queue with filtered consumers that are alike, streams written create-only (with a
 * retention: results; without: dead letters) and one bucket written by compare-and-set. What else a script asks for,
 * it lacks. */
#ifndef STEAD_CONFORM_CAST_H
#define STEAD_CONFORM_CAST_H

#include "conform/script.h"
#include "sim/jet.h"

enum {
    CAST_NAMES_MAX = 256,
    CAST_CONNECTIONS_MAX = 8,
};

enum part_kind {
    PART_NONE,    /* nothing changes in the model: it is answered with ok */
    PART_REQUEST, /* a message of the work queue */
    PART_RESULT,
    PART_DEAD,
    PART_LEDGER,
    PART_NOWHERE, /* no stream has that subject */
};

struct part {
    uint8_t kind; /* enum part_kind */
    bool has_id;
    uint32_t function, request, connection;
};

struct cast {
    struct jet_settings settings;
    struct part parts[SCRIPT_LINES_MAX];
    uint32_t name_count;
    const char *names[CAST_NAMES_MAX]; /* ids, subjects and keys; the place is the model's request */
    char unnamed[SCRIPT_LINES_MAX][8];
    uint32_t connection_count;
    const char *connections[CAST_CONNECTIONS_MAX];
};

/* NULL, or why the model can't play it (text in `ret_why`). The cast borrows the script's text. */
const char *cast_make(const struct script *script, enum jet_profile profile, struct cast *ret_cast, char *ret_why,
                      size_t size);
/* Whether a subject, of plain words, fits a pattern with `*` and `>`; `patterns` may be several with commas. */
bool subject_fits(const char *patterns, const char *subject);

#endif
