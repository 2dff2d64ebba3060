/* A history as check/ holds it. Private to check/.
 *
 * Texts are numbers (symbols.c): 0 is no text. Lines become events (line.c), sorted by time; events that begin and end
 * one thing become an operation (history.c), sorted by request; the judges go over requests and instances. */
#ifndef STEAD_CHECK_HISTORY_H
#define STEAD_CHECK_HISTORY_H

#include "check/check.h"

enum { LINE_BYTES_MAX = 1 << 16, FAULT_BYTES_MAX = 400 };

#define NOTHING UINT32_MAX
#define FOREVER UINT64_MAX

/* Keys that mean something; any other is skipped. X(name, kind) */
#define HISTORY_KEYS(X)                                                                                                \
    X(t, NUMBER)                                                                                                       \
    X(n, NUMBER)                                                                                                       \
    X(try, NUMBER)                                                                                                     \
    X(att, NUMBER)                                                                                                     \
    X(budget_ns, NUMBER)                                                                                               \
    X(retries, NUMBER)                                                                                                 \
    X(timeout_ns, NUMBER)                                                                                              \
    X(retention_ns, NUMBER)                                                                                            \
    X(slack_ns, NUMBER)                                                                                                \
    X(settle_ns, NUMBER)                                                                                               \
    X(since_ns, NUMBER)                                                                                                \
    X(grace_ns, NUMBER)                                                                                                \
    X(executions_max, NUMBER)                                                                                          \
    X(exact, NUMBER)                                                                                                   \
    X(proc, TEXT)                                                                                                      \
    X(op, TEXT)                                                                                                        \
    X(f, TEXT)                                                                                                         \
    X(id, TEXT)                                                                                                        \
    X(fn, TEXT)                                                                                                        \
    X(ver, TEXT)                                                                                                       \
    X(in, TEXT)                                                                                                        \
    X(dig, TEXT)                                                                                                       \
    X(end, TEXT)                                                                                                       \
    X(reason, TEXT)                                                                                                    \
    X(kind, TEXT)                                                                                                      \
    X(target, TEXT)                                                                                                    \
    X(state, TEXT)                                                                                                     \
    X(what, TEXT)

enum history_key {
#define X(name, kind) KEY_##name,
    HISTORY_KEYS(X)
#undef X
        KEY_COUNT
};

_Static_assert(KEY_COUNT <= 64, "a line notes its keys in 64 bits");

struct line {
    uint64_t has;              /* bits by enum history_key */
    uint64_t value[KEY_COUNT]; /* numbers, and texts as symbols */
};

#define HISTORY_OPS(X) X(invoke) X(ok) X(fail) X(info)

#define HISTORY_WORDS(X)                                                                                               \
    X(call)                                                                                                            \
    X(submit)                                                                                                          \
    X(publish)                                                                                                         \
    X(result)                                                                                                          \
    X(cancel)                                                                                                          \
    X(exec)                                                                                                            \
    X(fault)                                                                                                           \
    X(life)                                                                                                            \
    X(settings)                                                                                                        \
    X(deploy)                                                                                                          \
    X(heal)                                                                                                            \
    X(drain)                                                                                                           \
    X(message)                                                                                                         \
    X(readback)                                                                                                        \
    X(end)

#define HISTORY_ENDS(X)                                                                                                \
    X(none, "none")                                                                                                    \
    X(succeeded, "succeeded")                                                                                          \
    X(failed, "failed")                                                                                                \
    X(expired, "expired")                                                                                              \
    X(dead_lettered, "dead-lettered")                                                                                  \
    X(cancelled, "cancelled")

enum op {
#define X(name) OP_##name,
    HISTORY_OPS(X)
#undef X
        OP_COUNT
};

enum word {
#define X(name) WORD_##name,
    HISTORY_WORDS(X)
#undef X
        WORD_COUNT
};

enum ended {
#define X(name, text) ENDED_##name,
    HISTORY_ENDS(X)
#undef X
        ENDED_COUNT
};

/* What the judges compare texts with. X(name, text) */
#define HISTORY_TEXTS(X)                                                                                               \
    X(result, "result")                                                                                                \
    X(dead, "dead")                                                                                                    \
    X(forgotten, "forgotten")                                                                                          \
    X(stranded, "stranded")                                                                                            \
    X(queued, "queued")                                                                                                \
    X(up, "up")                                                                                                        \
    X(down, "down")                                                                                                    \
    X(not_started, "not-started")                                                                                      \
    X(exited, "exited")                                                                                                \
    X(deadline, "DEADLINE_EXCEEDED")                                                                                   \
    X(no_result, "RESULT_NOT_FOUND")                                                                                   \
    X(no_request, "REQUEST_NOT_FOUND")                                                                                 \
    X(already_ended, "ALREADY_ENDED")

enum known_text {
    TEXT_none,
#define X(name, text) TEXT_##name,
    HISTORY_TEXTS(X)
#undef X
        TEXT_COUNT
};

struct event {
    uint64_t t, n, budget_ns, since_ns; /* since: of a message, when it was sent */
    uint32_t order;                     /* of reading: what happened at one moment stays as it was written */
    uint32_t file, line;
    uint32_t proc, node; /* node: of proc "n1/w3" it is "n1" */
    uint32_t id, fn, ver, in, dig, reason, kind, target, state, what;
    uint32_t try, att;
    bool has_att;
    uint8_t op, word, end; /* enum op, word, ended */
};

/* One thing that began and perhaps ended; a fact without a beginning is its own beginning and end. */
struct operation {
    uint32_t begin, close; /* events; close: NOTHING if it has none */
    uint32_t id;
};

/* Of one function, or (row 0) of all. */
struct promise {
    uint32_t fn;
    uint64_t retries, executions_max; /* FOREVER: not said */
    uint64_t timeout_ns;              /* the shortest; FOREVER: not said */
};

/* A stay of an instance: from when it came up to when it went; FOREVER: it did not. */
struct stay {
    uint32_t node;
    uint64_t up_ns, drain_ns, grace_ns, drained_ns, down_ns;
};

/* A version that became callable, or another change of who runs what; from then until all instances knew. */
struct deploy {
    uint32_t fn, ver;
    uint64_t from_ns, until_ns;
    uint64_t reach_ns; /* the latest `until_ns` of this and all before it of the function */
};

struct exit_row {
    uint32_t proc;
    uint64_t t;
};

struct symbols {
    char *bytes;
    uint64_t *start; /* by symbol: where its text begins */
    uint32_t *table; /* open addressing; 0: free */
    uint64_t bytes_used, bytes_max;
    uint32_t count, count_max, table_size;
};

struct check {
    struct symbols symbols;
    const char **names; /* of files */
    struct event *events;
    struct operation *operations;
    struct promise *promises;
    struct stay *stays;     /* by instance and time */
    struct deploy *deploys; /* by function and time */
    struct exit_row *exits; /* of worker processes, by process and time */
    uint32_t names_count, names_max, events_count, events_max, operations_count, promises_count, promises_max;
    uint32_t stays_count, stays_max, deploys_count, deploys_max, exits_count, exits_max;
    uint64_t retention_ns, slack_ns, settle_ns; /* retention: FOREVER if nothing was said */
    uint64_t last_ns;                           /* when the last line was written */
    bool exact;                                 /* no execution went unseen */
    bool starts_failed; /* a worker did not start, which may be charged to any request of its function */
    bool ended;
    char fault[FAULT_BYTES_MAX];
    struct check_report report;
};

/* -- symbols.c -- */
bool symbols_begin(struct symbols *symbols);
void symbols_free(struct symbols *symbols);
/* The number of a text; 0 for an empty one, NOTHING if memory ran out. */
uint32_t symbols_of(struct symbols *symbols, const char *text, size_t length);
const char *symbols_text(const struct symbols *symbols, uint32_t symbol);

/* -- line.c -- */
/* NULL, or what is wrong with the text (static). */
const char *line_read(struct symbols *symbols, const char *text, size_t length, struct line *ret_line);

/* -- history.c -- */
bool check_fail(struct check *check, const char *name, uint64_t number, const char *what); /* false */
/* Grows an array of `size`-byte rows so that one more fits. */
bool check_grow(struct check *check, void **rows, uint32_t count, uint32_t *max, size_t size);

/* -- operations.c -- */
bool operations_make(struct check *check);
uint32_t operations_of_request(const struct check *check, uint32_t first); /* one past the last of that id */

/* -- judge.c -- */
void judge_violation(struct check *check, enum check_rule rule, uint32_t event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
const struct event *operation_begin(const struct check *check, uint32_t operation);
const struct event *operation_close(const struct check *check, uint32_t operation); /* NULL: it has no end */

/* -- background.c: instances, workers and versions over time -- */
bool background_make(struct check *check);
/* The stay of the instance at that moment; NULL: nothing is known of it. */
const struct stay *background_stay(const struct check *check, uint32_t node, uint64_t t);
bool background_exited(const struct check *check, uint32_t proc, uint64_t from_ns, uint64_t until_ns);
bool background_published(const struct check *check, uint32_t fn, uint32_t ver, uint64_t t);
bool background_changed(const struct check *check, uint32_t fn, uint64_t from_ns, uint64_t until_ns);

/* -- request.c: what its callers saw; execution.c: how it ran -- */
struct request {
    uint32_t first, last;          /* operations */
    uint32_t asked, evidence;      /* events: the first that named it, the first that showed its result; or NOTHING */
    uint64_t accepted_ns;          /* when the first caller knew; FOREVER: none did */
    uint32_t accepted;             /* that event; or NOTHING */
    uint32_t queued, dead, stored; /* events of the read-back; or NOTHING */
    uint32_t ran;                  /* the first execution; or NOTHING */
    uint32_t fn;
    bool forgotten; /* the broker lost something of it that it had confirmed: only the answers themselves are judged */
    bool stranded;  /* it is queued, and nobody who may run it was there any more: it need not end */
    bool refused;   /* all who asked for it to run were told no */
};

void judge_request(struct check *check, uint32_t first, uint32_t last);
void judge_executions(struct check *check, const struct request *request);
/* The event that shows the stored result of the request, or NULL. */
const struct event *operation_evidence(const struct check *check, uint32_t operation);

#endif
