/* Collects the findings of the machine, the broker and Stead itself, prints them, and fails if one of them is a FAIL.
 * Nothing is changed anywhere but one record of the broker's own clock (adapters/nats/broker.h). */
#include "cli/doctor.h"

#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_NS INT64_C(2000000000)

static const char *const level_names[] = { [LEVEL_OK] = "ok", [LEVEL_WARN] = "WARN", [LEVEL_FAIL] = "FAIL" };

void report_add(struct report *report, enum level level, const char *about, const char *advice, const char *format, ...)
{
    if (report->count == FINDINGS_MAX) {
        return;
    }
    struct finding *finding = &report->findings[report->count++];
    va_list arguments;
    va_start(arguments, format);
    *finding = (struct finding){ .level = level };
    snprintf(finding->about, sizeof finding->about, "%s", about);
    snprintf(finding->advice, sizeof finding->advice, "%s", advice == NULL ? "" : advice);
    vsnprintf(finding->seen, sizeof finding->seen, format, arguments);
    va_end(arguments);
}

static void doctor_stead(struct report *report, const struct arguments *arguments)
{
    bool serving = false;
    const char *address = client_address(arguments);
    struct rpc_client *client = rpc_client_connect(address);
    struct rpc_reply *reply = client == NULL ? NULL : rpc_client_check(client, "", CHECK_NS, &serving);
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        report_add(report, LEVEL_WARN, "stead", "start one: stead dev or stead serve; another address: --addr",
                   "none answers at %s", address);
    } else if (!serving) {
        report_add(report, LEVEL_WARN, "stead", "its log says why: mostly the broker is not reachable",
                   "%s answers, but is not serving", address);
    } else {
        report_add(report, LEVEL_OK, "stead", NULL, "serving at %s", address);
    }
    rpc_reply_free(reply);
    rpc_client_close(client);
}

static void report_print(const struct report *report)
{
    static const enum colour colours[] = {
        [LEVEL_OK] = COLOUR_GREEN, [LEVEL_WARN] = COLOUR_YELLOW, [LEVEL_FAIL] = COLOUR_RED
    };
    for (size_t i = 0; i < report->count; i++) {
        const struct finding *finding = &report->findings[i];
        printf("%s%-4s%s  %-16s ", say_colour(stdout, colours[finding->level]), level_names[finding->level],
               say_colour(stdout, COLOUR_NONE), finding->about);
        say_text(stdout, bytes_of(finding->seen));
        putchar('\n');
        if (finding->advice[0] != '\0') {
            printf("%23s%s\n", "", finding->advice);
        }
    }
}

static void report_json(const struct report *report, bool ok)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "ok");
    document_truth(&document, ok);
    document_key(&document, "findings");
    document_open(&document, '[');
    for (size_t i = 0; i < report->count; i++) {
        document_open(&document, '{');
        document_member(&document, "level", bytes_of(level_names[report->findings[i].level]));
        document_member(&document, "about", bytes_of(report->findings[i].about));
        document_member(&document, "seen", bytes_of(report->findings[i].seen));
        document_member(&document, "advice", bytes_of(report->findings[i].advice));
        document_close(&document, '}');
    }
    document_close(&document, ']');
    document_close(&document, '}');
    document_print(&document);
}

int doctor_run(const struct arguments *arguments)
{
    struct config config;
    int code;
    if (!settings_load(arguments, &config, &code)) {
        return code;
    }
    struct report *report = calloc(1, sizeof *report);
    if (report == NULL) {
        say_error("out of memory");
        config_free(&config);
        return EXIT_TRY_AGAIN;
    }
    doctor_machine(report, &config, arguments->spawner);
    doctor_broker(report, &config);
    doctor_stead(report, arguments);
    size_t counts[3] = { 0 };
    for (size_t i = 0; i < report->count; i++) {
        counts[report->findings[i].level]++;
    }
    if (arguments_has(arguments, "json")) {
        report_json(report, counts[LEVEL_FAIL] == 0);
    } else {
        report_print(report);
    }
    fflush(stdout);
    say("%zu ok, %zu WARN, %zu FAIL", counts[LEVEL_OK], counts[LEVEL_WARN], counts[LEVEL_FAIL]);
    free(report);
    config_free(&config);
    return counts[LEVEL_FAIL] == 0 ? EXIT_DONE : EXIT_SAID_NO;
}
