/* One loop over the players: poll their sockets, give each its turn, start the next script when one ends. Scripts of a
 * group begin so that they come to their first deed together: else those that come early would wait there, and what
 * they did just before would be old. */
#include "conform/runner.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/loop/loop.h"
#include "conform/player.h"
#include "conform/tidy.h"

enum { WIDTH_MAX = 128, DOWN_MS = 100, HELD_MS = 20 };

struct seat {
    struct player player;
    struct job *job; /* NULL: empty */
    uint64_t begins_ns;
};

struct runner {
    struct site *site;
    const struct runner_options *options;
    struct job *jobs;
    uint32_t count, next, done, width;
    bool together; /* all at once, and they wait for each other */
    struct seat *seats;
    struct tidy tidy;
    uint64_t lead_ns; /* until the first deed of that script that needs longest */
};

void runner_deeds(const struct script *script, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = 0;
    for (uint32_t at = 0; at < script->count && used < size; at++) {
        const struct script_line *line = &script->lines[at];
        enum operation operation = line->operation;
        if (operation == OPERATION_RESTART || operation == OPERATION_PAUSE || operation == OPERATION_KILL_LEADER) {
            used += (size_t)snprintf(ret_text + used, size - used, "%s %s;", operation_word(operation), line->words[0]);
        }
    }
}

static uint64_t until_first_deed(const struct script *script)
{
    uint64_t ns = 0;
    for (uint32_t at = 0; at < script->count; at++) {
        enum operation operation = script->lines[at].operation;
        if (operation == OPERATION_RESTART || operation == OPERATION_PAUSE || operation == OPERATION_KILL_LEADER) {
            return ns;
        }
        ns += line_lasts_ns(&script->lines[at]);
    }
    return 0;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec time = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
    (void)nanosleep(&time, NULL);
}

/* -- seats -- */

static void seat_fill(struct runner *runner, struct seat *seat, uint64_t now_ns)
{
    struct job *job = &runner->jobs[runner->next];
    uint32_t number = runner->options->number_first + runner->next++;
    seat->job = job;
    seat->begins_ns = now_ns + (runner->together ? runner->lead_ns - until_first_deed(job->script) : 0);
    if (!player_begin(&seat->player, job->script, runner->site, number)) {
        seat->player.state = PLAYER_BROKEN;
        (void)snprintf(seat->player.why, sizeof(seat->player.why), "the broker takes no connection");
    }
}

static void seat_empty(struct runner *runner, struct seat *seat)
{
    struct player *player = &seat->player;
    if (player->state == PLAYER_BROKEN) {
        (void)snprintf(seat->job->why, sizeof(seat->job->why), "%.119s", player->why);
    }
    tidy_script(&runner->tidy, player->script, player->prefix);
    trace_sort(&player->trace);
    seat->job->trace = player->trace;
    player->trace = (struct trace){ .count = 0 };
    player_end(player);
    seat->job = NULL;
    runner->done++;
    if (runner->options->progress != NULL) {
        runner->options->progress(runner->options->owner, runner->done);
    }
}

/* -- what is done to the site -- */

static bool deed_restart(struct runner *runner, const struct script_line *line)
{
    bool good = true;
    int signal = strcmp(line->words[0], "kill9") == 0 ? SIGKILL : SIGTERM;
    for (uint32_t node = 0; node < site_nodes(runner->site); node++) {
        good = site_stop(runner->site, node, signal) && good;
    }
    sleep_ns(line_duration(line, OPTION_down, DOWN_MS * MILLISECOND));
    for (uint32_t node = 0; node < site_nodes(runner->site); node++) {
        good = site_resume(runner->site, node) && good;
    }
    return good;
}

static bool deed_pause(struct runner *runner, const struct script_line *line)
{
    uint64_t ns = 0;
    (void)duration_read(line->words[0], &ns);
    for (uint32_t node = 0; node < site_nodes(runner->site); node++) {
        site_signal(runner->site, node, SIGSTOP);
    }
    sleep_ns(ns);
    for (uint32_t node = 0; node < site_nodes(runner->site); node++) {
        site_signal(runner->site, node, SIGCONT);
    }
    sleep_ns(HELD_MS * MILLISECOND);
    return true;
}

static bool deed_kill_leader(struct runner *runner, const struct script_line *line, uint32_t node)
{
    if (node >= site_nodes(runner->site)) {
        return false;
    }
    bool good = site_stop(runner->site, node, SIGKILL);
    sleep_ns(line_duration(line, OPTION_down, DOWN_MS * MILLISECOND));
    return site_resume(runner->site, node) && good;
}

/* All that wait at a deed go through it together. */
static void deed_do(struct runner *runner, struct seat *first)
{
    struct player *player = &first->player;
    const struct script_line *line = &player->script->lines[player->line];
    uint64_t now = loop_now_ns();
    for (uint32_t at = 0; at < runner->width; at++) {
        struct seat *seat = &runner->seats[at];
        if (seat->job != NULL && seat->player.state == PLAYER_WORLD) {
            player_world_begins(&seat->player, now);
        }
    }
    tidy_let_go(&runner->tidy);
    bool good = line->operation == OPERATION_RESTART ? deed_restart(runner, line)
                : line->operation == OPERATION_PAUSE ? deed_pause(runner, line)
                                                     : deed_kill_leader(runner, line, player->leader);
    now = loop_now_ns();
    for (uint32_t at = 0; at < runner->width; at++) {
        struct seat *seat = &runner->seats[at];
        if (seat->job == NULL || seat->player.state != PLAYER_WORLD) {
            continue;
        }
        player_world_ended(&seat->player, now, line->operation != OPERATION_PAUSE);
        if (!good) {
            seat->player.state = PLAYER_BROKEN;
            (void)snprintf(seat->player.why, sizeof(seat->player.why), "`%s` did not work",
                           operation_word(line->operation));
        }
    }
}

static void deeds(struct runner *runner)
{
    struct seat *waiting = NULL;
    for (uint32_t at = 0; at < runner->width; at++) {
        struct seat *seat = &runner->seats[at];
        if (seat->job != NULL && seat->player.state == PLAYER_PLAYING) {
            return; /* somebody is still on the way */
        }
        waiting = seat->job != NULL && seat->player.state == PLAYER_WORLD ? seat : waiting;
    }
    if (waiting != NULL) {
        deed_do(runner, waiting);
    }
}

/* -- the loop -- */

static void wait_some(struct runner *runner, uint64_t until_ns)
{
    struct pollfd polls[WIDTH_MAX * PLAYER_CONNECTIONS_MAX];
    uint32_t count = 0;
    uint64_t now = loop_now_ns();
    for (uint32_t at = 0; at < runner->width; at++) {
        if (runner->seats[at].job != NULL) {
            count += player_polls(&runner->seats[at].player, &polls[count]);
        }
    }
    uint64_t ns = until_ns > now ? until_ns - now : 0;
    ns = ns > 100 * MILLISECOND ? 100 * MILLISECOND : ns;
    struct timespec timeout = { 0, (long)ns };
    (void)ppoll(polls, count, &timeout, NULL);
}

static uint64_t turn_all(struct runner *runner)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t at = 0; at < runner->width; at++) {
        struct seat *seat = &runner->seats[at];
        uint64_t now = loop_now_ns();
        if (seat->job == NULL && runner->next < runner->count) {
            seat_fill(runner, seat, now);
        }
        if (seat->job == NULL) {
            continue;
        }
        uint64_t mine = seat->begins_ns;
        if (now >= seat->begins_ns && (seat->player.state == PLAYER_PLAYING || seat->player.state == PLAYER_WORLD)) {
            player_turn(&seat->player, now);
            mine = player_next_ns(&seat->player);
        }
        if (seat->player.state == PLAYER_DONE || seat->player.state == PLAYER_BROKEN) {
            seat_empty(runner, seat);
            mine = 0;
        }
        next = mine < next && (seat->job == NULL || seat->player.state != PLAYER_WORLD) ? mine : next;
    }
    return next;
}

bool runner_play(struct site *site, struct job *jobs, uint32_t count, const struct runner_options *options)
{
    struct runner runner = { .site = site, .options = options, .jobs = jobs, .count = count };
    for (uint32_t at = 0; at < count; at++) {
        uint64_t lead = until_first_deed(jobs[at].script);
        runner.lead_ns = lead > runner.lead_ns ? lead : runner.lead_ns;
        runner.together = runner.together || script_is_alone(jobs[at].script);
    }
    runner.width = runner.together ? count : options->width;
    runner.width = runner.width > WIDTH_MAX ? WIDTH_MAX : runner.width > count ? count : runner.width;
    runner.seats = calloc(runner.width + 1, sizeof(*runner.seats)); /* one more than none if there is nothing to do */
    if (runner.seats == NULL) {
        return false;
    }
    tidy_begin(&runner.tidy, site);
    while (runner.done < count) {
        uint64_t next = turn_all(&runner);
        tidy_turn(&runner.tidy);
        deeds(&runner);
        if (runner.done < count) {
            wait_some(&runner, next);
        }
    }
    tidy_end(&runner.tidy);
    free(runner.seats);
    return true;
}
