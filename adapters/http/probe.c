/* Probes in the form that Kubernetes' own components answer: "ok", or one line a check with [+] or [-]. */
#include "adapters/http/http.h"

static void list_checks(const struct http_probe *probe, struct http_answer *answer, bool all, size_t *ret_failed)
{
    *ret_failed = 0;
    for (size_t i = 0; i < probe->check_count; i++) {
        const struct http_check *check = &probe->checks[i];
        const char *reason = NULL;
        if (!check->passes(check->owner, &reason)) {
            (*ret_failed)++;
            http_answer_printf(answer, "[-]%s failed%s%s\n", check->name, reason == NULL ? "" : ": ",
                               reason == NULL ? "" : reason);
        } else if (all) {
            http_answer_printf(answer, "[+]%s ok\n", check->name);
        }
    }
}

void http_probe_handle(void *owner, const struct http_request *request, struct http_answer *answer)
{
    const struct http_probe *probe = owner;
    bool verbose = http_query_has(request->query, "verbose");
    size_t failed;
    list_checks(probe, answer, verbose, &failed);
    if (failed > 0) {
        http_answer_status(answer, 503);
        http_answer_printf(answer, "%s check failed\n", probe->name);
    } else if (verbose) {
        http_answer_printf(answer, "%s check passed\n", probe->name);
    } else {
        http_answer_printf(answer, "ok\n");
    }
}
