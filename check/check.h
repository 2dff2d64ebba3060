/* Judges a history: what clients, functions and the driver of a run saw from outside, as JSON lines
 * (docs/internals/history.md), whether the run was simulated or real. It knows nothing of the service but its promises.
 *
 *   struct check *check = check_new();
 *   check_file(check, "run.jsonl") && check_file(check, "n1-w7.jsonl")     several files are one history
 *   const struct check_report *report = check_judge(check);
 *   check_free(check);
 *
 * One pass reads, sorts bring the lines into order, one more pass judges: O(n log n) time, and memory in proportion to
 * the history. No search: ids are unique, so that every promise comes down to sets and intervals.
 *
 * Ownership: the report and its texts are the check's. Failure: reading ends at the first line that is no line of a
 * history, and says where and why; memory that ran out is said likewise. Any thread, one check at a time. */
#ifndef STEAD_CHECK_CHECK_H
#define STEAD_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is judged; the statements are those of docs/invariants.md. X(id, what it means here) */
#define CHECK_RULES(X)                                                                                                 \
    X(S1, "an accepted request has ended or is still queued, and a dead letter belongs to a dead-lettered result")     \
    X(S2, "one result per request: every reader saw the same one, for the caller's own input")                         \
    X(S3, "a success is what an execution of that request, with that input, had returned before")                      \
    X(S4, "charged attempts and their numbers stay within 1 + retries, and only what may be charged was charged")      \
    X(S7, "each operation is answered once or marked as unknown, and what was refused did not run")                    \
    X(S13, "nothing starts on an instance that has drained, and nothing is cut off before the grace is over")          \
    X(S15, "no success after the caller's budget, no time-out before it is over")                                      \
    X(S16, "an execution runs a version that was published, a request one version while nothing is redeployed")        \
    X(S22, "who asked to cancel or to see a result was told what is so")                                               \
    X(L1, "an accepted request has ended when all is read back")                                                       \
    X(L7, "the queue is empty when all is read back")                                                                  \
    X(L10, "executions of a request stay within their budget")

enum check_rule {
#define X(id, meaning) CHECK_##id,
    CHECK_RULES(X)
#undef X
        CHECK_RULE_COUNT
};

const char *check_rule_name(enum check_rule rule);
const char *check_rule_meaning(enum check_rule rule);
bool check_rule_is_liveness(enum check_rule rule);

enum { CHECK_VIOLATIONS_MAX = 200 };

struct check_violation {
    enum check_rule rule;
    const char *request; /* "" if it is about none */
    const char *file;
    uint64_t line; /* where it shows, counted from 1 */
    uint64_t t_ns;
    char why[160];
};

struct check_report {
    uint64_t lines, operations, executions;
    uint64_t requests, accepted, terminal, queued; /* by id; queued: found so when all was read back */
    uint64_t forgotten; /* of the requests: the broker lost something it had confirmed, so that nothing is concluded */
    uint64_t unknown;   /* of the requests: nobody can tell whether they were accepted, and no end was seen */
    uint64_t lost, violations;                           /* all of them, also beyond the listed ones */
    uint64_t by_rule[CHECK_RULE_COUNT];                  /* violations */
    struct check_violation listed[CHECK_VIOLATIONS_MAX]; /* by line */
    uint32_t listed_count;
    bool witnessed; /* executions were logged: without them S3, S4, S16 and L10 are not judged */
};

struct check;

struct check *check_new(void); /* NULL: out of memory */
void check_free(struct check *check);

/* Adds the lines of a file ("-": standard input), or one line; false: see check_fault(). `name` must outlive the
 * check. */
bool check_file(struct check *check, const char *path);
bool check_line(struct check *check, const char *name, uint64_t number, const char *text, size_t length);

/* Once, after all lines. NULL if the lines are no whole history; see check_fault(). */
const struct check_report *check_judge(struct check *check);

const char *
check_fault(const struct check *check); /* "file:line: what is wrong", or "file: what is wrong"; "" if nothing is */

#endif
