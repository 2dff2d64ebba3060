/* What a played script says about a back end: its expectations are met or not, and the model allows what was seen or
 * not. */
#ifndef STEAD_CONFORM_VERDICT_H
#define STEAD_CONFORM_VERDICT_H

#include "conform/script.h"
#include "conform/trace.h"
#include "sim/jet.h"

enum verdict_kind {
    VERDICT_GOOD,
    VERDICT_UNMET,      /* an expectation of the script */
    VERDICT_DIFFERENCE, /* the model never does that */
    VERDICT_BROKEN,     /* it could not be played to its end */
};

struct verdict {
    enum verdict_kind kind;
    uint32_t line; /* number in the file */
    char why[400];
    bool modelled; /* the model was asked */
    uint32_t seen[JET_CHOICE_COUNT][2];
};

struct verdict_options {
    enum jet_profile profile;
    uint32_t bug;
    bool model; /* the script says that the model applies */
    bool count;
};

/* False if memory is short. */
bool verdict_make(const struct script *script, struct trace *trace, const struct verdict_options *options,
                  struct verdict *ret_verdict);
const char *verdict_word(enum verdict_kind kind);

#endif
