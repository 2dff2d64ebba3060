/* A conformance script: what is done to a broker, one operation a line, and what may be seen. The grammar is in
 * docs/internals/conformance.md; the table below is all operations and options there are.
 *
 * A script is text that was checked: each line is an operation of the table, with words and options of the right form.
 * Owner: script_free(). Threads: no state. Errors: script_read() says file and line. */
#ifndef STEAD_CONFORM_SCRIPT_H
#define STEAD_CONFORM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define MILLISECOND UINT64_C(1000000)

enum {
    SCRIPT_LINES_MAX = 400,
    SCRIPT_WORDS_MAX = 3,
    SCRIPT_OPTIONS_MAX = 12,
    SCRIPT_TEXT_MAX = 240, /* of one line */
    SCRIPT_NOTS_MAX = 6,
};

/* X(NAME, word, words needed, options it takes, whether the broker answers) */
#define OPERATIONS(X)                                                                                                  \
    X(STREAM, "stream", 1,                                                                                             \
      "subjects retention max_msgs max_bytes max_per_subject discard discard_per_subject dup max_age storage "         \
      "replicas "                                                                                                      \
      "max_msg_size",                                                                                                  \
      true)                                                                                                            \
    X(CONSUMER, "consumer", 2, "filter filters ack ack_wait max_deliver max_ack_pending max_waiting backoff deliver",  \
      true)                                                                                                            \
    X(KV, "kv", 1, "history ttl", true)                                                                                \
    X(DROP, "drop", 1, "consumer", true)                                                                               \
    X(PURGE, "purge", 1, "", true)                                                                                     \
    X(PUB, "pub", 1, "id last last_seq stream size silent on", true)                                                   \
    X(PUT, "put", 2, "revision on", true)                                                                              \
    X(DELETE, "delete", 2, "on", true)                                                                                 \
    X(GET, "get", 2, "on", true)                                                                                       \
    X(LAST, "last", 2, "on", true)                                                                                     \
    X(REMOVE, "remove", 2, "on", true)                                                                                 \
    X(PULL, "pull", 2, "as batch expires no_wait heartbeat on", false)                                                 \
    X(ACK, "ack", 1, "sync on", false)                                                                                 \
    X(NAK, "nak", 1, "delay sync on", false)                                                                           \
    X(PROGRESS, "wpi", 1, "sync on", false)                                                                            \
    X(TERM, "term", 1, "reason sync on", false)                                                                        \
    X(ADVANCE, "advance", 1, "", false)                                                                                \
    X(STATE, "state", 1, "consumer", true)                                                                             \
    X(LISTEN, "listen", 1, "as on", false)                                                                             \
    X(CUT, "cut", 1, "", false)                                                                                        \
    X(RESTART, "restart", 1, "down", false)                                                                            \
    X(PAUSE, "pause", 1, "", false)                                                                                    \
    X(STEP_DOWN, "step-down", 1, "consumer", true)                                                                     \
    X(KILL_LEADER, "kill-leader", 1, "consumer down", false)

enum operation {
#define OPERATION_NAME(name, word, words, options, answers) OPERATION_##name,
    OPERATIONS(OPERATION_NAME)
#undef OPERATION_NAME
        OPERATION_COUNT
};

/* What an option's value must look like. X(name, form) */
#define OPTIONS(X)                                                                                                     \
    X(subjects, TEXT)                                                                                                  \
    X(retention, TEXT)                                                                                                 \
    X(max_msgs, NUMBER)                                                                                                \
    X(max_bytes, NUMBER)                                                                                               \
    X(max_per_subject, NUMBER)                                                                                         \
    X(discard, TEXT)                                                                                                   \
    X(discard_per_subject, FLAG)                                                                                       \
    X(dup, DURATION)                                                                                                   \
    X(max_age, DURATION)                                                                                               \
    X(storage, TEXT)                                                                                                   \
    X(replicas, NUMBER)                                                                                                \
    X(max_msg_size, NUMBER)                                                                                            \
    X(filter, TEXT)                                                                                                    \
    X(filters, TEXT)                                                                                                   \
    X(ack, TEXT)                                                                                                       \
    X(ack_wait, DURATION)                                                                                              \
    X(max_deliver, NUMBER)                                                                                             \
    X(max_ack_pending, NUMBER)                                                                                         \
    X(max_waiting, NUMBER)                                                                                             \
    X(backoff, TEXT)                                                                                                   \
    X(deliver, TEXT)                                                                                                   \
    X(history, NUMBER)                                                                                                 \
    X(ttl, DURATION)                                                                                                   \
    X(consumer, TEXT)                                                                                                  \
    X(id, TEXT)                                                                                                        \
    X(last, NUMBER)                                                                                                    \
    X(last_seq, NUMBER)                                                                                                \
    X(stream, TEXT)                                                                                                    \
    X(size, NUMBER)                                                                                                    \
    X(silent, FLAG)                                                                                                    \
    X(on, TEXT)                                                                                                        \
    X(revision, NUMBER)                                                                                                \
    X(as, TEXT)                                                                                                        \
    X(batch, NUMBER)                                                                                                   \
    X(expires, DURATION)                                                                                               \
    X(no_wait, FLAG)                                                                                                   \
    X(heartbeat, DURATION)                                                                                             \
    X(sync, FLAG)                                                                                                      \
    X(delay, DURATION)                                                                                                 \
    X(reason, TEXT)                                                                                                    \
    X(down, DURATION)

enum option {
#define OPTION_NAME(name, form) OPTION_##name,
    OPTIONS(OPTION_NAME)
#undef OPTION_NAME
        OPTION_COUNT
};

struct script_option {
    enum option name;
    const char *value; /* "" of a flag */
};

struct script_line {
    enum operation operation;
    uint32_t number; /* in its file */
    uint32_t word_count, option_count;
    const char *words[SCRIPT_WORDS_MAX];
    struct script_option options[SCRIPT_OPTIONS_MAX];
    const char *expect;         /* what follows `expect`; NULL: nothing */
    char text[SCRIPT_TEXT_MAX]; /* as it was written, without a comment */
    char cut[SCRIPT_TEXT_MAX];  /* the same, in pieces: what the pointers point into */
};

struct script_not {
    char backend[24], reason[120];
};

struct script {
    char path[256], title[160], seen[80];
    uint32_t not_count;
    struct script_not nots[SCRIPT_NOTS_MAX]; /* back ends it does not apply to */
    uint32_t count;
    struct script_line *lines;
    uint32_t room;
};

/* Reads to the end. False with "path:line: what is wrong" in `ret_wrong`; then *ret_script is empty. */
bool script_read(FILE *file, const char *path, struct script *ret_script, char *ret_wrong, size_t size);
/* Adds one line of text (as in a file). False, with why, if it is none. */
bool script_add(struct script *script, const char *text, uint32_t number, char *ret_wrong, size_t size);
void script_write(const struct script *script, FILE *file);
bool script_copy(const struct script *from, struct script *ret_script);
/* Takes out `count` lines from `first` on. */
void script_cut(struct script *script, uint32_t first, uint32_t count);
void script_free(struct script *script);
/* NULL: it applies; else why not. */
const char *script_not_for(const struct script *script, const char *backend);
/* Whether it does something to the server itself, so that no other script may use that server at the time. */
bool script_is_alone(const struct script *script);

/* The value of an option; NULL if it is not there. */
const char *line_text(const struct script_line *line, enum option name);
bool line_has(const struct script_line *line, enum option name);
uint64_t line_number(const struct script_line *line, enum option name, uint64_t otherwise);
uint64_t line_duration(const struct script_line *line, enum option name, uint64_t otherwise_ns);
/* "250ms", "2s", "90us"; false if it is none. */
bool duration_read(const char *text, uint64_t *ret_ns);
/* How long a line lasts at least, before the next one begins. */
uint64_t line_lasts_ns(const struct script_line *line);
const char *operation_word(enum operation operation);
bool operation_answers(const struct script_line *line);

#endif
