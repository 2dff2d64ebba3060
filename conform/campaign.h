/* Many scripts against one back end: files, or random ones of seeds. What differs is played again, to tell a difference
 * from a machine that was busy, and a random one that does so again is made small.
 *
 * Needs sites_begin() for real back ends. One thread. */
#ifndef STEAD_CONFORM_CAMPAIGN_H
#define STEAD_CONFORM_CAMPAIGN_H

#include "conform/script.h"
#include "conform/site.h"
#include "conform/verdict.h"

struct backend {
    char name[24], version[24];
    const char *program; /* NULL: the model */
    uint32_t nodes;
    enum jet_profile profile;
};

struct finding {
    struct verdict verdict;
    char path[256]; /* of the script; of a small one that was written */
    uint32_t again; /* how often it came again, of two times */
    bool steady;    /* each time */
};

enum { FINDINGS_MAX = 256 }; /* those that came again push out those that did not */

struct campaign {
    const struct backend *backend;
    struct sites *sites;
    uint32_t width, bug;
    FILE *trace;     /* what is seen of each script is told there; NULL: not */
    bool trace_all;  /* not only of those that differ */
    const char *out; /* folder for small scripts; NULL: none is written */
    void (*progress)(void *owner, const char *what, uint32_t done, uint32_t all);
    void *owner;
    /* results: */
    uint32_t played, modelled, left_out, unmet, differences, broken, unsteady, replays;
    uint32_t seen[JET_CHOICE_COUNT][2];
    uint32_t finding_count;
    struct finding findings[FINDINGS_MAX];
    char why[200]; /* of a failure */
};

/* False if a site can't be started or memory is short: `why`. */
bool campaign_files(struct campaign *campaign, const struct script *scripts, uint32_t count);
bool campaign_random(struct campaign *campaign, uint64_t seed, uint32_t count);

#endif
