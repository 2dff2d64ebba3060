/* What was seen while a script was played, by the model or by a real broker: one item for each line, with its answer,
 * and one for each thing that came by itself, in order of time.
 *
 * A delivery is named by the pull that got it and counted: `a.2` is the second message of pull a, in that run. Lines
 * that speak of a delivery that never came are skipped, and marked so. Owner: trace_free(). No threads. */
#ifndef STEAD_CONFORM_TRACE_H
#define STEAD_CONFORM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conform/script.h"

enum {
    TRACE_NAMES_MAX = 64, /* pulls and listeners of a script */
    TRACE_NAME_MAX = 24,
    ANSWER_NUMBERS = 6,
    CODE_NONE = 1,    /* no answer came */
    CODE_ANY = 3,     /* of the model: whatever it is */
    CODE_UNCLEAR = 2, /* an answer came that fits nothing known */
};

#define NUMBER_ANY UINT64_MAX /* not known or not told */

enum answer_number {
    ANSWER_SEQUENCE,
    ANSWER_MESSAGES,
    ANSWER_ACK_PENDING,
    ANSWER_PENDING,
    ANSWER_WAITING,
    ANSWER_DUPLICATE
};

struct answer {
    uint16_t code; /* 0: ok; an err_code, 503, CODE_NONE, ... */
    bool code_any; /* it is refused, but the model knows no number */
    uint64_t numbers[ANSWER_NUMBERS];
};

enum item_kind { ITEM_LINE, ITEM_DELIVERY, ITEM_ENDED, ITEM_HEARD };

struct item {
    uint64_t at_ns;    /* since the script began: when the line was sent, when the event was received */
    uint64_t until_ns; /* of a line: when its effect was certain: a server is up again, an answer was there */
    uint64_t gap_ns;   /* of an event: so long before, nobody had looked; it came some time in between */
    enum item_kind kind;
    uint32_t line; /* index; of an event: the line that was last sent */
    bool skipped;
    struct answer answer;
    uint32_t name;     /* of an event: index in `names` */
    uint64_t sequence; /* DELIVERY */
    uint32_t delivered;
    uint16_t code; /* ENDED */
    char heard[TRACE_NAME_MAX];
};

struct trace {
    struct item *items;
    uint32_t count, room, name_count;
    char names[TRACE_NAMES_MAX][TRACE_NAME_MAX];
    uint64_t end_ns;
    uint64_t late_ns; /* how much later than its moment the latest line was sent */
};

/* Index of a name, which is made if need be; TRACE_NAMES_MAX if there is no room. */
uint32_t trace_name(struct trace *trace, const char *name);
struct item *trace_add(struct trace *trace, enum item_kind kind, uint64_t at_ns); /* NULL: out of memory */
void trace_sort(struct trace *trace);
void trace_free(struct trace *trace);
/* The n-th message of a pull in `a.2`. False if the text is none. */
bool token_read(const char *text, char ret_name[TRACE_NAME_MAX], uint32_t *ret_number);

/* "ok seq=3", "err=10071", "none", as expectations say it. */
void answer_text(const struct answer *answer, char *ret_text, size_t size);
void event_text(const struct trace *trace, const struct item *item, char *ret_text, size_t size);
/* Whether an answer of a real broker is the one that was modelled: numbers that either does not tell count as equal. */
bool answer_same(const struct answer *modelled, const struct answer *real);

/* What `expect` demands of line `index`: NULL if it is so, else what was seen instead, in `ret_why`. */
const char *expectation_unmet(const struct script *script, const struct trace *trace, uint32_t index, char *ret_why,
                              size_t size);
void trace_tell(const struct script *script, const struct trace *trace, FILE *file);

#endif
