/* Collects the findings of the machine, the broker and Stead itself, prints them, and fails if one of them is a FAIL.
 * Nothing is changed anywhere but one record of the broker's own clock (adapters/nats/broker.h). */
#include "cli/doctor.h"

#include "cli/client.h"
#include "cli/document.h"
#include "cli/say.h"
#include "cli/settings.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_NS INT64_C(2000000000)

static const char *const level_names[] = { [LEVEL_OK] = "ok", [LEVEL_WARN] = "WARN", [LEVEL_FAIL] = "FAIL" };

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
        printf("%s%-4s%s  %-18s ", say_colour(stdout, colours[finding->level]), level_names[finding->level],
               say_colour(stdout, COLOUR_NONE), finding->about);
        say_text(stdout, bytes_of(finding->seen));
        putchar('\n');
        if (finding->advice[0] != '\0') {
            printf("%25s%s\n", "", finding->advice);
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

/* 0 if it was not given; false, and said, if it is no number above 0. */
static bool rate_read(const struct arguments *arguments, double *ret_rate)
{
    const char *text = arguments_text(arguments, "rate", NULL);
    char *rest;
    *ret_rate = text == NULL ? 0 : strtod(text, &rest);
    if (text != NULL && (rest == text || *rest != '\0' || !(*ret_rate > 0 && *ret_rate < 1e9))) {
        say_error("--rate %s: write how many requests come in a second, such as 250", text);
        return false;
    }
    return true;
}

int doctor_run(const struct arguments *arguments)
{
    struct config config;
    struct doctor_asked asked = { .monitor_url = arguments_text(arguments, "monitor", "") };
    int code;
    if (!rate_read(arguments, &asked.rate_per_second)) {
        return EXIT_USAGE;
    }
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
    doctor_broker(report, &config, &asked);
    doctor_stead(report, arguments);
    size_t counts[3];
    report_count(report, counts);
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
