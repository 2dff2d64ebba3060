/* What the adaptive concurrency gives and costs: the same crowd with a fixed limit of 32 and with one that adapts, for
 * functions that are healthy, overloaded, or say themselves that it is too much. Time is simulated: the numbers are
 * the same on every machine.
 *
 *     bench_overload [--seconds N]     JSON: a row for each function */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/overload/crowd.h"

enum { SECONDS_DEFAULT = 300 };
#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static double ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (double)a / (double)b;
}

static void row_print(const struct crowd_options *options, const struct crowd_report *fixed,
                      const struct crowd_report *adaptive)
{
    const struct crowd_report *reports[] = { fixed, adaptive };
    static const char *const names[] = { "fixed", "adaptive" };
    printf("{\"function\":\"%s\",\"meaning\":\"%s\",\"timeout_s\":%" PRIu64, crowd_model_text(options->model),
           crowd_model_meaning(options->model), options->timeout_ns / SECOND);
    for (int i = 0; i < 2; i++) {
        printf(",\"%s\":{\"succeeded\":%" PRIu64 ",\"others\":%" PRIu64 ",\"p50_ms\":%.1f,\"p99_ms\":%.1f,"
               "\"limit\":%.1f}",
               names[i], reports[i]->succeeded, reports[i]->others, (double)reports[i]->p50_ns / (double)MS,
               (double)reports[i]->p99_ns / (double)MS, (double)reports[i]->limit_mean / 100);
    }
    printf(",\"goodput_ratio\":%.3f,\"p50_ratio\":%.3f}", ratio(adaptive->succeeded, fixed->succeeded),
           ratio(adaptive->p50_ns, fixed->p50_ns));
}

static bool compare(enum crowd_model model, uint64_t timeout_ns, uint64_t seconds)
{
    struct crowd_options options = { .model = model, .fits = 4, .run_ns = 20 * MS, .timeout_ns = timeout_ns };
    struct crowd_report fixed, adaptive;
    options.for_ns = seconds * SECOND;
    options.seed = 1;
    bool ok = crowd_run(&options, &fixed);
    options.adaptive = true;
    ok = ok && crowd_run(&options, &adaptive);
    if (ok) {
        row_print(&options, &fixed, &adaptive);
    }
    return ok;
}

int main(int argc, char **argv)
{
    bool given = argc == 3 && strcmp(argv[1], "--seconds") == 0, ok = argc == 1 || given;
    uint64_t seconds = given ? strtoull(argv[2], NULL, 10) : SECONDS_DEFAULT;
    fputs("{\"rows\":[", stdout);
    for (int model = 0; ok && model < CROWD_MODEL_COUNT; model++) {
        ok = compare((enum crowd_model)model, 30 * SECOND, seconds);
        fputs(",", stdout);
    }
    ok = ok && compare(CROWD_THRASHING, SECOND, seconds);
    fputs("]}\n", stdout);
    return ok ? 0 : 1;
}
