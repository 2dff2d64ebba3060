/* SIGHUP: the file, the environment and the flags are read again. An invalid configuration changes nothing. Of a valid
 * one, keys marked LIVE are taken over at once; those marked RESTART keep what the process was started with and are
 * named in one line. If the mixture of both would break a rule between keys, nothing is taken over either.
 *
 * The running configuration is one pointer, which jobs on the control thread read too: a reload swaps it, and what it
 * pointed to is freed once no job can hold it any more. Texts that need a restart stay those of the first one. */
#include "serve/jobs.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_TEXT_BYTES = 1024 };

struct retired {
    struct config config;
    struct retired *next;
};

struct reload {
    struct loop_wake *wake;
    struct retired *live; /* what instance->config points to after the first reload */
    struct retired *retired;
    struct metrics_series *successful, *success_time;
};

static struct loop_wake *hung_up; /* A signal handler has no argument. */

static void on_hangup(int number)
{
    (void)number;
    loop_wake_signal(hung_up);
}

/* What the configuration does not say: how long our own broker and processes may take. */
struct settings reload_settings(const struct config *config)
{
    static const uint8_t jitters[] = { [CONFIG_JITTER_FULL] = JITTER_FULL,
                                       [CONFIG_JITTER_NONE] = JITTER_NONE,
                                       [CONFIG_JITTER_EQUAL] = JITTER_EQUAL,
                                       [CONFIG_JITTER_DECORRELATED] = JITTER_DECORRELATED };
    return (struct settings){
        .ack_wait_ns = (uint64_t)config->queue_ack_wait_ns,
        .hold_ns_max = (uint64_t)config->functions_hold_ns_max,
        .publish_timeout_ns = 500000000,
        .reply_poll_ns = 2000000000,
        .pull_expires_ns = 10000000000,
        .start_timeout_ns = (uint64_t)config->functions_start_timeout_ns,
        .stop_grace_ns = (uint64_t)config->functions_stop_timeout_ns,
        .call_budget_ns_max = (uint64_t)config->grpc_deadline_ns_max,
        .queue_ns_max = (uint64_t)config->queue_timeout_ns,
        .silence_ns_max = 4000000000,
        .retry_ns_base = (uint64_t)config->functions_retry_base_ns,
        .retry_ns_max = (uint64_t)config->functions_retry_max_ns,
        .starts_max = 8,
        .jitter = jitters[config->functions_retry_jitter],
        .lease_ns = SERVE_LEASE_NS,
        .sweep_ns = (uint64_t)config->queue_sweep_ns,
        .quarantine_crashes = (uint64_t)config->functions_quarantine_crashes,
        .quarantine_window_ns = (uint64_t)config->functions_quarantine_window_ns,
        .quarantine_ns_base = (uint64_t)config->functions_quarantine_base_ns,
        .quarantine_ns_max = (uint64_t)config->functions_quarantine_max_ns,
    };
}

static void feed_settings(struct instance *instance, const struct config *old, const struct config *new)
{
    struct settings before = reload_settings(old), after = reload_settings(new);
    uint64_t old_words[SETTING_COUNT], new_words[SETTING_COUNT];
    _Static_assert(sizeof before == sizeof old_words, "a setting is one word");
    memcpy(old_words, &before, sizeof old_words);
    memcpy(new_words, &after, sizeof new_words);
    for (uint32_t i = 0; i < SETTING_COUNT; i++) {
        if (old_words[i] != new_words[i]) {
            struct input input = instance_input(instance, INPUT_SETTING);
            input.as.setting.which = (uint8_t)i;
            input.as.setting.value = new_words[i];
            instance_feed(instance, &input);
        }
    }
}

static void log_level_of(int level)
{
    static const enum log_level levels[] = { [CONFIG_LOG_DEBUG] = LOG_LEVEL_DEBUG,
                                             [CONFIG_LOG_INFO] = LOG_LEVEL_INFO,
                                             [CONFIG_LOG_WARN] = LOG_LEVEL_WARN,
                                             [CONFIG_LOG_ERROR] = LOG_LEVEL_ERROR };
    log_level_set(levels[level]);
}

static void refuse(const struct reload *reload, const struct config_problems *problems, const char *why)
{
    for (size_t i = 0; i < problems->count && i < CONFIG_PROBLEMS_MAX; i++) {
        log_error("system.config", "configuration not reloaded", LOG_TEXT("why", why),
                  LOG_TEXT("problem", problems->text[i]));
    }
    metrics_set(reload->successful, 0);
}

static int64_t wall_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void succeed(const struct reload *reload)
{
    metrics_set(reload->successful, 1);
    metrics_set(reload->success_time, wall_ns());
}

/* What no job can hold any more: jobs take the pointer anew each time they run. */
static void free_retired(struct reload *reload)
{
    while (reload->retired != NULL) {
        struct retired *next = reload->retired->next;
        config_free(&reload->retired->config);
        free(reload->retired);
        reload->retired = next;
    }
}

static void take_over(struct instance *instance, struct retired *fresh)
{
    struct reload *reload = instance->reload;
    const struct config *before = instance->config;
    instance->config = &fresh->config;
    log_level_of(fresh->config.log_level);
    feed_settings(instance, before, &fresh->config);
    if (reload->live != NULL) {
        reload->live->next = reload->retired;
        reload->retired = reload->live;
    }
    reload->live = fresh;
}

struct report {
    size_t live_count, restart_count;
    char restart[KEYS_TEXT_BYTES]; /* "nats.url, service.slots" */
};

static void report_changes(const struct config *before, const struct config *fresh, struct report *ret_report)
{
    static struct config_change changes[CONFIG_CHANGES_MAX];
    size_t count = config_changes(before, fresh, changes), used = 0;
    *ret_report = (struct report){ 0 };
    for (size_t i = 0; i < count; i++) {
        if (changes[i].live) {
            ret_report->live_count++;
            log_info("system.config", "setting changed", LOG_TEXT("key", changes[i].path),
                     LOG_TEXT("from", changes[i].from), LOG_TEXT("to", changes[i].to));
        } else if (used < sizeof ret_report->restart) {
            used += (size_t)snprintf(ret_report->restart + used, sizeof ret_report->restart - used, "%s%s",
                                     ret_report->restart_count == 0 ? "" : ", ", changes[i].path);
            ret_report->restart_count++;
        }
    }
}

/* The fresh configuration is valid; false if it can't hold beside what needs a restart. */
static bool reload_with(struct instance *instance, struct retired *fresh)
{
    struct reload *reload = instance->reload;
    struct config_problems problems;
    struct report report;
    const struct config *before = instance->config;
    struct config given = fresh->config; /* texts and lists are borrowed: only to name what differs */
    if (!config_keep_started(&fresh->config, instance->options->config, &problems)) {
        refuse(reload, &problems, "needs a restart");
        return false;
    }
    bool louder = fresh->config.log_level < before->log_level;
    log_level_of(louder ? fresh->config.log_level : before->log_level); /* until all is told */
    report_changes(before, &given, &report);
    if (report.restart_count > 0) {
        log_warn("system.config", "needs a restart", LOG_TEXT("keys", report.restart));
    }
    log_info("system.config", "configuration reloaded", LOG_U64("changed", report.live_count),
             LOG_U64("needs_restart", report.restart_count));
    take_over(instance, fresh);
    succeed(reload);
    return true;
}

static void reload_run(void *owner)
{
    struct instance *instance = owner;
    struct reload *reload = instance->reload;
    const struct config_sources *sources = instance->options->sources;
    if (instance->draining) {
        log_info("system.config", "configuration not reloaded", LOG_TEXT("why", "shutting down"));
        return;
    }
    if (control_pending(instance->control) == 0) {
        free_retired(reload);
    }
    struct config_problems problems = { 0 };
    struct retired *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        log_error("system.config", "configuration not reloaded", LOG_TEXT("why", "out of memory"));
    } else if (!config_load(sources, &fresh->config, &problems)) {
        refuse(reload, &problems, "invalid");
        free(fresh);
    } else if (!reload_with(instance, fresh)) {
        config_free(&fresh->config);
        free(fresh);
    }
}

bool reload_start(struct instance *instance)
{
    struct reload *reload = calloc(1, sizeof *reload);
    if (reload == NULL || loop_wake_create(instance->loop, reload_run, instance, &reload->wake) != 0) {
        free(reload);
        return false;
    }
    reload->successful = metrics_plain(instance->metrics, METRIC_STEAD_CONFIG_LAST_RELOAD_SUCCESSFUL);
    reload->success_time = metrics_plain(instance->metrics, METRIC_STEAD_CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS);
    succeed(reload); /* The start itself was one. */
    instance->reload = reload;
    if (instance->options->sources == NULL) {
        return true; /* Nothing to read again: SIGHUP ends the process, as a closed terminal does. */
    }
    struct sigaction action = { .sa_handler = on_hangup, .sa_flags = SA_RESTART };
    hung_up = reload->wake;
    sigaction(SIGHUP, &action, NULL);
    return true;
}

void reload_stop(struct instance *instance)
{
    struct reload *reload = instance->reload;
    if (reload == NULL) {
        return;
    }
    if (instance->options->sources != NULL) {
        signal(SIGHUP, SIG_IGN);
    }
    loop_wake_free(reload->wake);
    free_retired(reload);
    instance->config = instance->options->config;
    if (reload->live != NULL) {
        config_free(&reload->live->config);
        free(reload->live);
    }
    free(reload);
    instance->reload = NULL;
}
