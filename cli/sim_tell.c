/* Violations as one line that names the invariant, the moment and the command that shows it again; counters as JSON. */
#include "cli/sim_tell.h"

#include <inttypes.h>

void sim_tell_again(FILE *out, const struct sim_arguments *arguments, uint64_t seed)
{
#ifdef STEAD_MUTANTS
    fputs("stead-mutants run", out);
#else
    fputs("stead sim run", out);
#endif
    if (arguments->schedule != NULL) {
        fprintf(out, " --schedule %s", arguments->schedule);
        return;
    }
    fprintf(out, " --seed %" PRIu64, seed);
    if (arguments->steps != SIM_STEPS_DEFAULT) {
        fprintf(out, " --steps %" PRIu64, arguments->steps);
    }
    if (arguments->mutant != 0) {
        fprintf(out, " --mutant %" PRIu64, arguments->mutant);
    }
}

void sim_tell_failure(FILE *out, const struct sim_arguments *arguments, uint64_t seed,
                      const struct sim_violation *violation)
{
    fprintf(out, "FAIL %s seed=%" PRIu64 " step=%" PRIu64 " t=%.3fs : %s | reproduce: ", violation->id, seed,
            violation->step, (double)violation->at_ns / 1e9, violation->why);
    sim_tell_again(out, arguments, seed);
    fputc('\n', out);
}

void sim_json_violation(uint64_t seed, const struct sim_violation *violation)
{
    printf("{\"id\":\"%s\",\"seed\":%" PRIu64 ",\"step\":%" PRIu64 ",\"t_ns\":%" PRIu64 ",\"why\":\"", violation->id,
           seed, violation->step, violation->at_ns);
    for (const char *at = violation->why; *at != 0; at++) {
        if (*at == '"' || *at == '\\') {
            putchar('\\');
        }
        putchar((unsigned char)*at < ' ' ? ' ' : *at);
    }
    fputs("\"}", stdout);
}

/* "name":{"A":1,...} without the zeros */
void sim_json_counters(const char *name, const uint64_t *counters, uint32_t count, const char *(*name_of)(uint32_t))
{
    const char *comma = "";
    printf(",\"%s\":{", name);
    for (uint32_t at = 0; at < count; at++) {
        if (counters[at] != 0) {
            printf("%s\"%s\":%" PRIu64, comma, name_of(at), counters[at]);
            comma = ",";
        }
    }
    putchar('}');
}

const char *sim_name_of_fault(uint32_t at)
{
    return sim_fault_name((enum sim_fault)at);
}

const char *sim_name_of_effect(uint32_t at)
{
    return effect_name((enum effect_kind)at);
}

const char *sim_name_of_end(uint32_t at)
{
    return end_name((enum end)at);
}

const char *sim_name_of_reason(uint32_t at)
{
    return reason_name((enum reason)at);
}

const char *sim_name_of_situation(uint32_t at)
{
    return sometimes_name((enum sometimes)at);
}
