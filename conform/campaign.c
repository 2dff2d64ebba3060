/* Scripts that leave the server alone share one site, many at a time. Those that restart it are grouped by what they do
 * and each group gets a site of its own. A script that did not agree is played again, alone; twice agreeing means
 * that the machine was late, not the broker. */
#include "conform/campaign.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conform/cast.h"
#include "conform/model.h"
#include "conform/random.h"
#include "conform/reduce.h"
#include "conform/runner.h"

enum { CHUNK = 4 * RANDOM_GROUP, AGAIN = 2, REDUCE_ROUNDS = 40, MODEL_SEEDS = 8 };

struct batch {
    struct campaign *campaign;
    struct site *site;
    const char *what;
    uint32_t number; /* the next prefix */
    uint32_t before, all;
    bool counts; /* what is played now moves the bar */
};

static bool fail(struct campaign *campaign, const char *why)
{
    (void)snprintf(campaign->why, sizeof(campaign->why), "%s", why);
    return false;
}

static void on_progress(void *owner, uint32_t done)
{
    struct batch *batch = owner;
    struct campaign *campaign = batch->campaign;
    if (campaign->progress != NULL) {
        campaign->progress(campaign->owner, batch->what, batch->before + done, batch->all);
    }
}

static bool site_ensure(struct batch *batch)
{
    struct campaign *campaign = batch->campaign;
    if (batch->site == NULL) {
        batch->site = site_start(campaign->sites, campaign->backend->program, campaign->backend->nodes, campaign->why,
                                 sizeof(campaign->why));
    }
    return batch->site != NULL;
}

static bool jobs_play(struct batch *batch, struct job *jobs, uint32_t count)
{
    struct runner_options options = { .width = batch->campaign->width, .number_first = batch->number };
    options.progress = batch->counts ? on_progress : NULL;
    options.owner = batch;
    batch->number += count;
    return runner_play(batch->site, jobs, count, &options) || fail(batch->campaign, "out of memory");
}

/* -- verdicts -- */

static bool job_judge(struct campaign *campaign, struct job *job, struct verdict *ret_verdict)
{
    struct verdict_options options = { .profile = campaign->backend->profile, .bug = campaign->bug, .count = true };
    options.model = script_not_for(job->script, "model") == NULL;
    if (job->why[0] != 0) {
        *ret_verdict = (struct verdict){ .kind = VERDICT_BROKEN };
        memcpy(ret_verdict->why, job->why, sizeof(job->why));
    } else if (!verdict_make(job->script, &job->trace, &options, ret_verdict)) {
        return fail(campaign, "out of memory");
    }
    if (campaign->trace != NULL && (campaign->trace_all || ret_verdict->kind != VERDICT_GOOD)) {
        fprintf(campaign->trace, "%s on %s: %s %s\n", job->script->path, campaign->backend->name,
                verdict_word(ret_verdict->kind), ret_verdict->why);
        trace_tell(job->script, &job->trace, campaign->trace);
    }
    return true;
}

static bool play_again(struct batch *batch, const struct script *script, struct verdict *ret_verdict)
{
    struct job job = { .script = script };
    bool good = site_ensure(batch) && jobs_play(batch, &job, 1) && job_judge(batch->campaign, &job, ret_verdict);
    trace_free(&job.trace);
    if (good && ret_verdict->kind == VERDICT_BROKEN) {
        site_end(batch->site); /* perhaps it is dead */
        batch->site = NULL;
    }
    return good;
}

static struct finding *finding_place(struct campaign *campaign, bool steady)
{
    if (campaign->finding_count < FINDINGS_MAX) {
        return &campaign->findings[campaign->finding_count++];
    }
    for (uint32_t at = 0; steady && at < FINDINGS_MAX; at++) {
        if (!campaign->findings[at].steady) {
            return &campaign->findings[at];
        }
    }
    return NULL;
}

static void finding_add(struct campaign *campaign, const struct verdict *verdict, const char *path, uint32_t again)
{
    bool steady = again == AGAIN;
    campaign->unsteady += !steady;
    campaign->unmet += steady && verdict->kind == VERDICT_UNMET;
    campaign->differences += steady && verdict->kind == VERDICT_DIFFERENCE;
    campaign->broken += steady && verdict->kind == VERDICT_BROKEN;
    struct finding *finding = finding_place(campaign, steady);
    if (finding != NULL) {
        *finding = (struct finding){ .verdict = *verdict, .again = again, .steady = steady };
        (void)snprintf(finding->path, sizeof(finding->path), "%s", path);
    }
}

struct fails {
    struct batch *batch;
    enum verdict_kind kind;
};

static bool still_fail(void *owner, const struct script *scripts, uint32_t count, bool *ret_fails)
{
    struct fails *fails = owner;
    struct job jobs[REDUCE_MANY];
    for (uint32_t at = 0; at < count; at++) {
        jobs[at] = (struct job){ .script = &scripts[at] };
    }
    bool good = site_ensure(fails->batch) && jobs_play(fails->batch, jobs, count);
    for (uint32_t at = 0; at < count; at++) {
        struct verdict verdict;
        good = good && job_judge(fails->batch->campaign, &jobs[at], &verdict);
        ret_fails[at] = good && verdict.kind == fails->kind;
        trace_free(&jobs[at].trace);
    }
    return good;
}

/* A random script that differs, as small as it gets, in a file. */
static void make_small(struct batch *batch, const struct script *script, struct verdict *verdict, char path[256])
{
    struct script small;
    struct fails fails = { batch, verdict->kind };
    struct reduce_options options = { .rounds_max = REDUCE_ROUNDS, .fail = still_fail, .owner = &fails };
    if (batch->campaign->out == NULL || !script_copy(script, &small)) {
        return;
    }
    (void)reduce(&small, &options);
    (void)snprintf(path, 256, "%.160s/%s-%.60s.script", batch->campaign->out, batch->campaign->backend->name,
                   strncmp(script->path, "seed ", 5) == 0 ? script->path + 5 : "file");
    FILE *file = fopen(path, "we");
    if (file != NULL) {
        struct verdict last;
        if (play_again(batch, &small, &last) && last.kind == verdict->kind) {
            *verdict = last;
        }
        fprintf(file, "# %s: %s\n", batch->campaign->backend->version, verdict->why);
        script_write(&small, file);
        (void)fclose(file);
    }
    script_free(&small);
}

/* Plays those again, all at once, and again; what differs both times is a finding, else the machine was late. */
static bool doubts_settle(struct batch *batch, struct job *doubts, struct verdict *verdicts, uint32_t count,
                          bool random)
{
    struct campaign *campaign = batch->campaign;
    uint32_t *failed = calloc(count + 1, sizeof(*failed));
    bool good = failed != NULL || fail(campaign, "out of memory");
    for (uint32_t round = 0; good && count > 0 && round < AGAIN; round++) {
        campaign->replays += count;
        good = site_ensure(batch) && jobs_play(batch, doubts, count);
        for (uint32_t at = 0; at < count; at++) {
            struct verdict again;
            good = good && job_judge(campaign, &doubts[at], &again);
            if (good && again.kind != VERDICT_GOOD) {
                failed[at]++;
                verdicts[at] = again;
            }
            trace_free(&doubts[at].trace);
            doubts[at].why[0] = 0;
        }
    }
    for (uint32_t at = 0; good && at < count; at++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s", doubts[at].script->path);
        if (failed[at] == AGAIN && random && verdicts[at].kind != VERDICT_BROKEN) {
            make_small(batch, doubts[at].script, &verdicts[at], path);
        }
        finding_add(campaign, &verdicts[at], path, failed[at]);
    }
    free(failed);
    return good;
}

static void seen_add(struct campaign *campaign, const struct verdict *verdict)
{
    for (uint32_t at = 0; at < JET_CHOICE_COUNT; at++) {
        campaign->seen[at][0] += verdict->seen[at][0];
        campaign->seen[at][1] += verdict->seen[at][1];
    }
}

static bool jobs_run(struct batch *batch, struct job *jobs, uint32_t count, bool random)
{
    struct campaign *campaign = batch->campaign;
    struct job *doubts = calloc(count + 1, sizeof(*doubts));
    struct verdict *verdicts = calloc(count + 1, sizeof(*verdicts));
    uint32_t doubt_count = 0;
    bool good = (doubts != NULL && verdicts != NULL) || fail(campaign, "out of memory");
    batch->counts = true;
    good = good && (count == 0 || (site_ensure(batch) && jobs_play(batch, jobs, count)));
    batch->counts = false;
    for (uint32_t at = 0; at < count; at++) {
        struct verdict verdict;
        good = good && job_judge(campaign, &jobs[at], &verdict);
        trace_free(&jobs[at].trace);
        if (!good) {
            continue;
        }
        campaign->played++;
        campaign->modelled += verdict.modelled;
        seen_add(campaign, &verdict);
        if (verdict.kind != VERDICT_GOOD) {
            verdicts[doubt_count] = verdict;
            doubts[doubt_count++] = (struct job){ .script = jobs[at].script };
        }
    }
    batch->before += count;
    good = good && doubts_settle(batch, doubts, verdicts, doubt_count, random);
    free(doubts);
    free(verdicts);
    return good;
}

/* -- the model as a back end -- */

static bool model_end_to_end(struct campaign *campaign, const struct script *script, uint64_t seed)
{
    struct verdict verdict = { .kind = VERDICT_GOOD };
    struct verdict_options options = { .profile = campaign->backend->profile, .model = true };
    struct cast *cast = calloc(1, sizeof(*cast));
    struct trace trace = { .count = 0 };
    char why[200];
    bool good = cast != NULL;
    if (good && cast_make(script, options.profile, cast, why, sizeof(why)) != NULL) {
        verdict.kind = VERDICT_BROKEN;
        (void)snprintf(verdict.why, sizeof(verdict.why), "%s", why);
    } else if (good) {
        /* A planted bug plays, the sound model judges. */
        good =
            model_play(script, cast, seed, campaign->bug, &trace) && verdict_make(script, &trace, &options, &verdict);
    }
    if (good && verdict.kind != VERDICT_GOOD) {
        finding_add(campaign, &verdict, script->path, AGAIN);
    }
    campaign->modelled += seed == 1;
    trace_free(&trace);
    free(cast);
    return good || fail(campaign, "out of memory");
}

static bool model_run(struct campaign *campaign, const struct script *script)
{
    uint32_t found = campaign->finding_count;
    campaign->played++;
    for (uint64_t seed = 1; seed <= MODEL_SEEDS; seed++) {
        if (!model_end_to_end(campaign, script, seed)) {
            return false;
        }
        if (campaign->finding_count > found) {
            return true;
        }
    }
    return true;
}

/* -- files -- */

/* Plays those that do the same to their server as `lead` does, and marks them. */
static bool group_run(struct campaign *campaign, const struct script *scripts, uint32_t count, uint32_t lead,
                      bool *done, struct batch *batch)
{
    char deeds[200], other[200];
    struct job *jobs = calloc(count, sizeof(*jobs));
    uint32_t jobs_count = 0;
    bool kills = false;
    if (jobs == NULL) {
        return fail(campaign, "out of memory");
    }
    runner_deeds(&scripts[lead], deeds, sizeof(deeds));
    for (uint32_t at = lead; at < count; at++) {
        runner_deeds(&scripts[at], other, sizeof(other));
        kills = strncmp(deeds, "kill-leader", 11) == 0; /* whose leader? one at a time */
        if (!done[at] && strcmp(deeds, other) == 0 && !(kills && at > lead) && jobs_count < CHUNK) {
            jobs[jobs_count++].script = &scripts[at];
            done[at] = true;
        }
    }
    bool good = jobs_run(batch, jobs, jobs_count, false);
    if (deeds[0] != 0) {
        site_end(batch->site);
        batch->site = NULL;
    }
    free(jobs);
    return good;
}

bool campaign_files(struct campaign *campaign, const struct script *scripts, uint32_t count)
{
    struct batch batch = { .campaign = campaign, .what = "files", .all = count };
    bool *done = calloc(count, sizeof(*done)), good = done != NULL || fail(campaign, "out of memory");
    for (uint32_t at = 0; good && at < count; at++) {
        done[at] = script_not_for(&scripts[at], campaign->backend->name) != NULL;
        campaign->left_out += done[at];
        if (!done[at] && campaign->backend->program == NULL) {
            done[at] = true;
            good = model_run(campaign, &scripts[at]);
        }
    }
    for (uint32_t at = 0; good && at < count; at++) {
        good = done[at] || group_run(campaign, scripts, count, at, done, &batch);
    }
    site_end(batch.site);
    free(done);
    return good;
}

/* -- random ones -- */

static struct random_options random_options_of(const struct campaign *campaign)
{
    return (struct random_options){ .profile = campaign->backend->profile, .cluster = campaign->backend->nodes > 1 };
}

/* How many seeds from there on do the same to their server: those that kill it can't be more than all at once. */
static uint32_t chunk_size(const struct campaign *campaign, uint64_t seed)
{
    struct random_options options = random_options_of(campaign);
    uint32_t count = RANDOM_GROUP - (uint32_t)(seed % RANDOM_GROUP);
    while (!random_restarts(seed, &options) && !random_restarts(seed + count, &options) &&
           count + RANDOM_GROUP <= CHUNK) {
        count += RANDOM_GROUP;
    }
    return count;
}

static bool chunk_run(struct campaign *campaign, struct batch *batch, uint64_t seed, uint32_t count)
{
    struct script *scripts = calloc(count, sizeof(*scripts));
    struct job *jobs = calloc(count, sizeof(*jobs));
    struct random_options options = random_options_of(campaign);
    bool good = scripts != NULL && jobs != NULL;
    for (uint32_t at = 0; good && at < count; at++) {
        good = random_script(seed + at, &options, &scripts[at]);
        jobs[at].script = &scripts[at];
    }
    good = good || fail(campaign, "out of memory");
    if (campaign->backend->program == NULL) {
        for (uint32_t at = 0; good && at < count; at++) {
            good = model_run(campaign, &scripts[at]);
            batch->before++;
            on_progress(batch, 0);
        }
    } else {
        good = good && jobs_run(batch, jobs, count, true);
    }
    for (uint32_t at = 0; scripts != NULL && at < count; at++) {
        script_free(&scripts[at]);
    }
    free(scripts);
    free(jobs);
    return good;
}

bool campaign_random(struct campaign *campaign, uint64_t seed, uint32_t count)
{
    struct batch batch = { .campaign = campaign, .what = "random", .all = count };
    bool good = true;
    for (uint32_t begun = 0, now; good && begun < count; begun += now) {
        now = chunk_size(campaign, seed + begun);
        now = count - begun < now ? count - begun : now;
        good = chunk_run(campaign, &batch, seed + begun, now);
    }
    site_end(batch.site);
    return good;
}
