/* `stead doctor`: is this broker, and is this machine, safe for functions?
 *
 * Checks add findings to one report: a level, what was looked at, what was seen, and what to do. Blocking; main
 * thread. */
#ifndef STEAD_CLI_DOCTOR_H
#define STEAD_CLI_DOCTOR_H

#include "adapters/config/config.h"
#include "cli/command.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

enum { FINDINGS_MAX = 96, SPAN_BYTES = 32 };

struct finding {
    enum level level;
    char about[32];
    char seen[240];
    char advice[240]; /* "" for none */
};

struct report {
    struct finding findings[FINDINGS_MAX];
    size_t count;
};

/* Adds a finding whose `seen` is formatted; more than FINDINGS_MAX are dropped. */
void report_add(struct report *report, enum level level, const char *about, const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* How many of each level. */
void report_count(const struct report *report, size_t ret_counts[3]);
/* "2m", "90s", "1h"; "ever" for 0. */
void span_text(int64_t ns, char ret_text[SPAN_BYTES]);

/* What the command line asked for. */
struct doctor_asked {
    const char *monitor_url; /* of the broker's monitoring port; "" for none */
    double rate_per_second;  /* of requests; 0: to be measured */
};

void doctor_machine(struct report *report, const struct config *config, struct spawner *spawner);
void doctor_broker(struct report *report, const struct config *config, const struct doctor_asked *asked);
struct broker;
/* Each subject that Stead publishes or subscribes to, tried. False: this user lacks one. */
bool doctor_permissions(struct report *report, const struct config *config, struct broker *broker);

int doctor_run(const struct arguments *arguments);

#endif
