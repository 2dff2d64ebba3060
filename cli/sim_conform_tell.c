/* Results of `stead sim conform`: a row for each back end, a line for each finding with the command that shows it
 * again, and which choices of the model were seen for real. A choice counts as seen only where the other way could
 * not have given what came. */
#include <inttypes.h>
#include <string.h>

#include "cli/sim_conform.h"

static const struct choice_row {
    const char *name, *when, *ways[2];
} choices[JET_CHOICE_COUNT] = {
#define CHOICE_ROW(name, when, no, yes) { #name, when, { no, yes } },
    JET_CHOICES(CHOICE_ROW)
#undef CHOICE_ROW
};

static void finding_tell(const struct campaign *campaign, const struct finding *finding, FILE *out)
{
    const struct verdict *verdict = &finding->verdict;
    char line[16] = "";
    if (verdict->line != 0) {
        (void)snprintf(line, sizeof(line), ":%" PRIu32, verdict->line);
    }
    fprintf(out, "%s %s%s on %s (%s): %s\n", finding->steady ? "FAIL" : "once", finding->path, line,
            campaign->backend->name, verdict_word(verdict->kind), verdict->why);
    if (finding->steady && strncmp(finding->path, "seed ", 5) != 0) {
        fprintf(out, "     again: stead sim conform --backend %s %s\n", campaign->backend->name, finding->path);
    }
}

static void seen_tell(const struct conform_total *total, FILE *out)
{
    uint32_t unseen = 0;
    for (uint32_t choice = 0; choice < JET_CHOICE_COUNT; choice++) {
        for (uint32_t way = 0; way < 2; way++) {
            uint32_t seen = 0;
            for (uint32_t at = 0; at < total->count; at++) {
                seen += total->campaigns[at].seen[choice][way];
            }
            if (seen == 0) {
                fprintf(out, "%s%s: when %s, %s\n", unseen++ == 0 ? "allowed, and not seen here:\n  " : "  ",
                        choices[choice].name, choices[choice].when, choices[choice].ways[way]);
            }
        }
    }
}

void conform_tell(const struct conform_total *total, FILE *out)
{
    fprintf(out, "%-16s %-8s %7s %8s %7s %7s %7s %7s %6s %6s\n", "back end", "version", "scripts", "modelled", "differ",
            "unmet", "broken", "left", "once", "s");
    for (uint32_t at = 0; at < total->count; at++) {
        const struct campaign *campaign = &total->campaigns[at];
        fprintf(out,
                "%-16s %-8s %7" PRIu32 " %8" PRIu32 " %7" PRIu32 " %7" PRIu32 " %7" PRIu32 " %7" PRIu32 " %6" PRIu32
                " %6.1f\n",
                campaign->backend->name, campaign->backend->version, campaign->played, campaign->modelled,
                campaign->differences, campaign->unmet, campaign->broken, campaign->left_out, campaign->unsteady,
                total->seconds[at]);
    }
    for (uint32_t at = 0; at < total->count; at++) {
        for (uint32_t finding = 0; finding < total->campaigns[at].finding_count; finding++) {
            finding_tell(&total->campaigns[at], &total->campaigns[at].findings[finding], out);
        }
    }
    seen_tell(total, out);
}

/* -- JSON -- */

static void text_json(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', out);
        }
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
    fputc('"', out);
}

static void campaign_json(const struct campaign *campaign, double seconds, FILE *out)
{
    fprintf(out,
            "{\"backend\":\"%s\",\"version\":\"%s\",\"scripts\":%" PRIu32 ",\"modelled\":%" PRIu32
            ",\"differences\":%" PRIu32 ",\"unmet\":%" PRIu32 ",\"broken\":%" PRIu32 ",\"left_out\":%" PRIu32
            ",\"once\":%" PRIu32 ",\"seconds\":%.3f,\"seen\":{",
            campaign->backend->name, campaign->backend->version, campaign->played, campaign->modelled,
            campaign->differences, campaign->unmet, campaign->broken, campaign->left_out, campaign->unsteady, seconds);
    for (uint32_t at = 0; at < JET_CHOICE_COUNT; at++) {
        fprintf(out, "%s\"%s\":{\"no\":%" PRIu32 ",\"yes\":%" PRIu32 "}", at == 0 ? "" : ",", choices[at].name,
                campaign->seen[at][0], campaign->seen[at][1]);
    }
    fputs("},\"findings\":[", out);
    for (uint32_t at = 0; at < campaign->finding_count; at++) {
        const struct finding *finding = &campaign->findings[at];
        fprintf(out, "%s{\"script\":", at == 0 ? "" : ",");
        text_json(out, finding->path);
        fprintf(out, ",\"line\":%" PRIu32 ",\"kind\":\"%s\",\"again\":%" PRIu32 ",\"steady\":%s,\"why\":",
                finding->verdict.line, verdict_word(finding->verdict.kind), finding->again,
                finding->steady ? "true" : "false");
        text_json(out, finding->verdict.why);
        fputc('}', out);
    }
    fputs("]}", out);
}

void conform_json(const struct conform_total *total, FILE *out)
{
    fprintf(out, "{\"files\":%" PRIu32 ",\"random\":%" PRIu64 ",\"seed\":%" PRIu64 ",\"backends\":[", total->files,
            total->random, total->seed);
    for (uint32_t at = 0; at < total->count; at++) {
        fputs(at == 0 ? "" : ",", out);
        campaign_json(&total->campaigns[at], total->seconds[at], out);
    }
    fputs("]}\n", out);
}
