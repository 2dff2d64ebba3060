/* Dead letters by id, function and cause. What changes many of them walks through the list page by page and does one
 * after the other, no faster than --rate, so that a redrive is no flood; what was done is told as it goes. */
#include "cli/dead.h"

#include "adapters/loop/loop.h"
#include "cli/client.h"
#include "cli/document.h"
#include "cli/request.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/versions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { COLUMNS = 6, PAGE = 100, RATE_USUAL = 50, RATE_MAX = 100000 };
#define ANSWER_TIMEOUT_NS INT64_C(30000000000)

static struct bytes option_bytes(const struct arguments *arguments, const char *name)
{
    return bytes_of(arguments_text(arguments, name, ""));
}

static struct rpc_letters_query query_of(const struct arguments *arguments)
{
    return (struct rpc_letters_query){ .name = option_bytes(arguments, "function"),
                                       .request_id = bytes_of(arguments->word_count > 0 ? arguments->words[0] : ""),
                                       .cause = option_bytes(arguments, "cause"),
                                       .limit = PAGE };
}

/* The name without the language. */
static struct bytes letter_function(const struct rpc_letter *letter)
{
    struct bytes name = letter->function;
    const uint8_t *slash = name.length == 0 ? NULL : memchr(name.at, '/', name.length);
    if (slash != NULL) {
        name.length -= (size_t)(slash + 1 - name.at);
        name.at = slash + 1;
    }
    return name;
}

/* -- ls and show --------------------------------------------------------------------------------------------------- */

static void letter_json(struct document *document, const struct rpc_letter *letter, bool whole)
{
    char when[WHEN_BYTES];
    versions_when(letter->buried_unix_ms, when);
    document_open(document, '{');
    document_member(document, "id", letter->request_id);
    document_member(document, "function", letter->function);
    document_member(document, "reason", letter->reason);
    document_member(document, "cause", letter->cause);
    document_member(document, "causes", letter->causes);
    document_member_number(document, "attempts", letter->attempts);
    document_member(document, "error", letter->error);
    document_member(document, "exit", letter->exit);
    document_member(document, "buried", bytes_of(when));
    document_member(document, "redriven_as", letter->redriven_as);
    document_member_number(document, "size", (int64_t)letter->size);
    if (whole) {
        document_member(document, "stderr", letter->stderr_end);
        document_member(document, "content_type", letter->content_type);
        document_member_data(document, "data", letter->content_type, letter->data);
    }
    document_close(document, '}');
}

static void letters_json(const struct rpc_reply *reply)
{
    struct document document = { 0 };
    document_open(&document, '{');
    document_key(&document, "letters");
    document_open(&document, '[');
    for (size_t i = 0; i < reply->letter_count; i++) {
        letter_json(&document, &reply->letters[i], false);
    }
    document_close(&document, ']');
    document_member_number(&document, "next", (int64_t)reply->next);
    document_close(&document, '}');
    document_print(&document);
}

static void letters_table(const struct rpc_reply *reply)
{
    static const char *const heading[COLUMNS] = { "ID", "FUNCTION", "CAUSE", "TRIES", "REDRIVEN AS", "ERROR" };
    size_t rows = reply->letter_count + 1;
    struct bytes *cells = calloc(rows * COLUMNS, sizeof *cells);
    char(*attempts)[16] = calloc(rows, sizeof *attempts);
    for (size_t i = 0; cells != NULL && attempts != NULL && i < rows; i++) {
        const struct rpc_letter *letter = i == 0 ? NULL : &reply->letters[i - 1];
        for (size_t column = 0; column < COLUMNS && letter == NULL; column++) {
            cells[column] = bytes_of(heading[column]);
        }
        if (letter != NULL) {
            snprintf(attempts[i], sizeof attempts[i], "%u", letter->attempts);
            const struct bytes row[COLUMNS] = { letter->request_id,
                                                letter_function(letter),
                                                letter->cause.length > 0 ? letter->cause : letter->reason,
                                                bytes_of(attempts[i]),
                                                letter->redriven_as,
                                                letter->error.length > 0 ? letter->error : letter->reason };
            memcpy(cells + i * COLUMNS, row, sizeof row);
        }
    }
    if (cells != NULL && attempts != NULL) {
        table_print(stdout, cells, rows, COLUMNS);
    }
    free(cells);
    free(attempts);
}

static void list_next(const struct rpc_reply *reply)
{
    if (reply->letter_count == 0) {
        say(reply->next == 0 ? "no dead letters" : "none among those that were looked at");
    } else {
        const struct bytes id = reply->letters[0].request_id;
        say_next("stead dead show %.*s", (int)id.length, (const char *)id.at);
    }
    if (reply->next != 0) {
        say("there may be more: --after %llu", (unsigned long long)reply->next);
    }
}

int dead_ls_run(const struct arguments *arguments)
{
    struct rpc_letters_query query = query_of(arguments);
    query.limit = (uint32_t)strtoul(arguments_text(arguments, "limit", "100"), NULL, 10);
    query.after = strtoull(arguments_text(arguments, "after", "0"), NULL, 10);
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_letters(client, &query, ANSWER_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, NULL);
    } else {
        if (arguments_has(arguments, "json")) {
            letters_json(reply);
        } else if (reply->letter_count > 0) {
            letters_table(reply);
        }
        fflush(stdout);
        list_next(reply);
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

static void line_print(const char *label, struct bytes value)
{
    if (value.length > 0) {
        printf("%-11s ", label);
        say_text(stdout, say_trimmed(value));
        putchar('\n');
    }
}

static void letter_print(const struct rpc_letter *letter)
{
    char when[WHEN_BYTES];
    versions_when(letter->buried_unix_ms, when);
    line_print("id", letter->request_id);
    line_print("function", letter->function);
    line_print("reason", letter->reason);
    line_print("cause", letter->cause);
    line_print("causes", letter->causes);
    printf("%-11s %u\n", "attempts", letter->attempts);
    line_print("error", letter->error);
    line_print("exit", letter->exit);
    line_print("buried", bytes_of(when));
    line_print("redriven as", letter->redriven_as);
    line_print("type", letter->content_type);
    printf("%-11s %llu bytes\n", "data", (unsigned long long)letter->size);
    if (letter->data.length > 0 && letter->data.length < 4096) {
        say_text(stdout, letter->data);
        putchar('\n');
    }
    if (letter->stderr_end.length > 0) {
        printf("--- the last of stderr\n");
        say_text(stdout, say_trimmed(letter->stderr_end));
        putchar('\n');
    }
}

int dead_show_run(const struct arguments *arguments)
{
    struct rpc_letters_query query = query_of(arguments);
    query.whole = true;
    struct rpc_client *client = client_open(arguments);
    if (client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    struct rpc_reply *reply = rpc_client_letters(client, &query, ANSWER_TIMEOUT_NS);
    int code = EXIT_DONE;
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        code = client_refused(arguments, reply, NULL);
    } else if (reply->letter_count == 0) {
        say_error("there is no dead letter of the id %s", arguments->words[0]);
        say_next("stead dead ls");
        code = EXIT_SAID_NO;
        rpc_reply_free(reply);
    } else {
        for (size_t i = 0; i < reply->letter_count; i++) {
            struct document document = { 0 };
            if (arguments_has(arguments, "json")) {
                letter_json(&document, &reply->letters[i], true);
                document_print(&document);
            } else {
                letter_print(&reply->letters[i]);
            }
        }
        fflush(stdout);
        say_next("stead dead redrive %s", arguments->words[0]);
        rpc_reply_free(reply);
    }
    rpc_client_close(client);
    return code;
}

/* -- redrive and drop ---------------------------------------------------------------------------------------------- */

struct campaign {
    const struct arguments *arguments;
    struct rpc_client *client;
    bool drop, json, progress;
    uint64_t pause_ns, done, again;
    char last[160]; /* the new id of the last one */
};

static void progress_say(const struct campaign *campaign, bool over)
{
    const char *verb = campaign->drop ? "dropped" : "redriven";
    if (campaign->progress) {
        fprintf(stderr, "\r%s  %llu%s", verb, (unsigned long long)campaign->done, over ? "\n" : "");
    } else if (over) {
        say("%s  %llu", verb, (unsigned long long)campaign->done);
    }
    if (over && campaign->again > 0) {
        say("%llu had been redriven before: nothing was done with them", (unsigned long long)campaign->again);
    }
}

static void letter_done(struct campaign *campaign, const struct rpc_letter *letter, const struct rpc_reply *reply)
{
    campaign->done += !reply->duplicate;
    campaign->again += reply->duplicate;
    snprintf(campaign->last, sizeof campaign->last, "%.*s", (int)reply->request_id.length,
             (const char *)reply->request_id.at);
    if (campaign->json) {
        struct document document = { 0 };
        document_open(&document, '{');
        document_member(&document, "id", letter->request_id);
        document_member(&document, "function", letter->function);
        if (!campaign->drop) {
            document_member(&document, "redriven_as", reply->request_id);
            document_key(&document, "duplicate");
            document_truth(&document, reply->duplicate);
        }
        document_close(&document, '}');
        document_print(&document);
    }
}

/* EXIT_DONE, or the code of what ended it. */
static int letter_change(struct campaign *campaign, const struct rpc_letter *letter)
{
    struct bytes name = letter_function(letter);
    uint64_t begin_ns = loop_now_ns();
    struct rpc_reply *reply = campaign->drop
                                  ? rpc_client_drop(campaign->client, name, letter->request_id, ANSWER_TIMEOUT_NS)
                                  : rpc_client_redrive(campaign->client, name, letter->request_id, ANSWER_TIMEOUT_NS);
    if (reply == NULL || reply->status != RPC_STATUS_OK) {
        char id[160];
        progress_say(campaign, true);
        snprintf(id, sizeof id, "%.*s", (int)letter->request_id.length, (const char *)letter->request_id.at);
        return client_refused(campaign->arguments, reply, id);
    }
    letter_done(campaign, letter, reply);
    rpc_reply_free(reply);
    progress_say(campaign, false);
    uint64_t took_ns = loop_now_ns() - begin_ns;
    if (took_ns < campaign->pause_ns) {
        uint64_t left_ns = campaign->pause_ns - took_ns;
        nanosleep(&(struct timespec){ (time_t)(left_ns / 1000000000), (long)(left_ns % 1000000000) }, NULL);
    }
    return EXIT_DONE;
}

/* Those that were redriven before are passed over, unless one is meant by its id. */
static int page_change(struct campaign *campaign, const struct rpc_letters_query *query, const struct rpc_reply *page)
{
    int code = EXIT_DONE;
    for (size_t i = 0; code == EXIT_DONE && i < page->letter_count; i++) {
        const struct rpc_letter *letter = &page->letters[i];
        if (!campaign->drop && letter->redriven_as.length > 0 && query->request_id.length == 0) {
            campaign->again++;
            continue;
        }
        code = letter_change(campaign, letter);
    }
    return code;
}

static int campaign_walk(struct campaign *campaign, struct rpc_letters_query *query, uint64_t *ret_found)
{
    int code = EXIT_DONE;
    do {
        struct rpc_reply *page = rpc_client_letters(campaign->client, query, ANSWER_TIMEOUT_NS);
        if (page == NULL || page->status != RPC_STATUS_OK) {
            return client_refused(campaign->arguments, page, NULL);
        }
        *ret_found += page->letter_count;
        code = page_change(campaign, query, page);
        query->after = page->next;
        rpc_reply_free(page);
    } while (code == EXIT_DONE && query->after != 0);
    return code;
}

static int campaign_run(struct campaign *campaign, struct rpc_letters_query *query)
{
    uint64_t found = 0;
    int code = campaign_walk(campaign, query, &found);
    if (code != EXIT_DONE) {
        return code;
    }
    if (found == 0) {
        say_error("there is no such dead letter");
        say_next("stead dead ls");
        return EXIT_SAID_NO;
    }
    progress_say(campaign, true);
    if (!campaign->drop && campaign->last[0] != '\0') {
        say_next("stead result %s --wait", campaign->last);
    }
    return EXIT_DONE;
}

static bool rate_read(const struct arguments *arguments, uint64_t *ret_pause_ns)
{
    char *end;
    const char *text = arguments_text(arguments, "rate", "");
    unsigned long rate = text[0] == '\0' ? RATE_USUAL : strtoul(text, &end, 10);
    if (rate == 0 || rate > RATE_MAX || (text[0] != '\0' && *end != '\0')) {
        say_error("--rate: %s is no number of letters a second, 1 to %d", text, RATE_MAX);
        return false;
    }
    *ret_pause_ns = 1000000000 / rate;
    return true;
}

static int change_run(const struct arguments *arguments, bool drop)
{
    struct rpc_letters_query query = query_of(arguments);
    struct campaign campaign = { .arguments = arguments, .drop = drop, .json = arguments_has(arguments, "json") };
    bool chosen = query.request_id.length > 0 || query.name.length > 0 || query.cause.length > 0;
    campaign.progress = !campaign.json && isatty(STDERR_FILENO);
    if (!chosen && !arguments_has(arguments, "all")) {
        say_error("which? Give an ID, --function, --cause, or --all");
        say_next("stead dead ls");
        return EXIT_USAGE;
    }
    if (!rate_read(arguments, &campaign.pause_ns)) {
        return EXIT_USAGE;
    }
    campaign.client = client_open(arguments);
    if (campaign.client == NULL) {
        return EXIT_UNAVAILABLE;
    }
    int code = campaign_run(&campaign, &query);
    fflush(stdout);
    rpc_client_close(campaign.client);
    return code;
}

int dead_redrive_run(const struct arguments *arguments)
{
    return change_run(arguments, false);
}

int dead_drop_run(const struct arguments *arguments)
{
    return change_run(arguments, true);
}
