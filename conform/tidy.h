/* Deletes the streams that a script left on a site, with their consumers: a cluster elects a leader for each of them,
 * and every stream that stays costs all that come after. A broker that does not answer is no error here: no two scripts
 * share a name, so what stays costs time and nothing else.
 *
 * One thread. Owner: tidy_end(). */
#ifndef STEAD_CONFORM_TIDY_H
#define STEAD_CONFORM_TIDY_H

#include "conform/script.h"
#include "conform/site.h"
#include "conform/wire.h"

struct tidy {
    struct site *site;
    struct wire wire;
    uint32_t asked, answered;
};

void tidy_begin(struct tidy *tidy, struct site *site);
/* Asks for all streams and buckets that the script may have made under that prefix. */
void tidy_script(struct tidy *tidy, const struct script *script, const char *prefix);
/* Reads the answers that are there. */
void tidy_turn(struct tidy *tidy);
/* Its servers go away: what was asked of them may never be answered. */
void tidy_let_go(struct tidy *tidy);
/* Waits for the answers, though not for long. */
void tidy_end(struct tidy *tidy);

#endif
