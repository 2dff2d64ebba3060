/* L9: a part of the instances that is healed must end all requests like all of them. What it lacks is named L9 if the
 * same world lacks nothing where everything is healed: then what stays dead, cut off or stopped holds the others up.
 * What is missing either way keeps its own name. */
#include "sim/part.h"

#include <stdlib.h>
#include <string.h>

static void rename_violation(struct sim_violation *violation)
{
    char why[sizeof(violation->why)];
    snprintf(why, sizeof(why), "healed in part: %s %.120s", violation->id, violation->why);
    memcpy(violation->why, why, sizeof(why));
    memcpy(violation->id, "L9", sizeof("L9"));
}

bool part_judge(const struct sim_options *options, struct sim_report *report)
{
    struct sim_violation *violation = &report->violation;
    bool of_requests =
        strcmp(violation->id, "L1") == 0 || strcmp(violation->id, "L7") == 0; /* others may hold them up */
    if (!of_requests || report->left_out == 0 || options->heal_whole) {
        return true;
    }
    struct sim_report *whole = malloc(sizeof(*whole));
    struct sim_options healed = *options;
    healed.heal_whole = true;
    healed.record = NULL;
    healed.history = NULL;
    healed.story = NULL;
    bool ok = whole != NULL && sim_run(&healed, whole);
    if (ok && whole->violation.id[0] == 0) {
        rename_violation(violation);
        if (options->without != NULL && strcmp(options->without, violation->id) == 0) {
            memset(violation, 0, sizeof(*violation));
            report->cut_short = true;
        }
    }
    free(whole);
    return ok;
}
