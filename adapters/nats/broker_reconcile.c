/* One stream: look it up; create it if absent; otherwise go through the fields that we set, one by one.
 *
 * A stream that carries our mark gets each field that differs, with three exceptions that would destroy something:
 * subjects are only added, limits are not lowered below what is stored, and retention and storage can't be changed at
 * all. A stream without our mark is never written: its decisive fields must fit, differences in others are warnings. */
#include "adapters/nats/broker_reconcile.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void tell(struct reconciler *reconciler, enum broker_report kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(struct reconciler *reconciler, enum broker_report kind, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (reconciler->report != NULL) {
        reconciler->report(reconciler->owner, kind, text);
    }
}

static bool has_text(const cJSON *array, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, text) == 0) {
            return true;
        }
    }
    return false;
}

/* Every subject of `want` is one of `have`. */
static bool subjects_cover(const cJSON *have, const cJSON *want)
{
    const cJSON *subject;
    cJSON_ArrayForEach(subject, want)
    {
        if (!has_text(have, subject->valuestring)) {
            return false;
        }
    }
    return true;
}

/* A field that the server leaves out is false, 0 or "". */
static bool field_fits(const cJSON *have, const cJSON *want)
{
    if (have == NULL) {
        return cJSON_IsFalse(want) || (cJSON_IsNumber(want) && want->valuedouble == 0);
    }
    return cJSON_IsArray(want) ? subjects_cover(have, want) : cJSON_Compare(have, want, true);
}

static void field_text(const cJSON *field, char *ret_text, size_t capacity)
{
    char *text = field != NULL ? cJSON_PrintUnformatted(field) : NULL;
    text_copy(ret_text, capacity, text != NULL ? text : "nothing");
    cJSON_free(text);
}

static void tell_field(struct reconciler *reconciler, enum broker_report kind, const char *stream, const cJSON *have,
                       const cJSON *want, const char *consequence)
{
    char have_text[128];
    char want_text[128];
    field_text(have, have_text, sizeof have_text);
    field_text(want, want_text, sizeof want_text);
    tell(reconciler, kind, "stream %s: %s is %s, wanted %s: %s", stream, want->string, have_text, want_text,
         consequence);
}

static enum broker_status write_stream(struct reconciler *reconciler, const char *verb, const cJSON *config)
{
    const char *name = json_text(config, "name");
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *answer = NULL;
    snprintf(api, sizeof api, "$JS.API.STREAM.%s.%s", verb, name);
    snprintf(what, sizeof what, "%s stream %s", strcmp(verb, "CREATE") == 0 ? "create" : "change", name);
    enum broker_status status =
        broker_api_json(reconciler->broker, api, cJSON_Duplicate(config, true), what, &answer, reconciler->error);
    if (status == BROKER_OK) {
        cJSON_Delete(answer);
    }
    return status;
}

static void set_number(cJSON *config, const char *name, double value)
{
    cJSON_SetNumberHelper(cJSON_GetObjectItemCaseSensitive(config, name), value);
}

static bool replicas_impossible(const struct broker_error *error)
{
    return error->error_code == JS_REPLICAS_NEED_CLUSTER || error->error_code == JS_NO_SUITABLE_PEERS;
}

static void tell_replicas(struct reconciler *reconciler, const char *stream, int64_t wanted, int64_t fallback,
                          const char *why)
{
    tell(reconciler, BROKER_REPORT_WARNING,
         "this broker can't keep %lld copies of stream %s (%s): going on with %lld; what the one server loses is lost. "
         "Set replicas: 1 to accept that, or run a cluster",
         (long long)wanted, stream, why, (long long)fallback);
    reconciler->replicas_refused = true;
}

/* Writes it; where the broker can't keep that many copies, writes it with `fallback` copies and says so. */
static enum broker_status write_with_replicas(struct reconciler *reconciler, const char *verb, cJSON *config,
                                              int64_t fallback)
{
    enum broker_status status = write_stream(reconciler, verb, config);
    int64_t wanted = json_integer(config, "num_replicas", 1);
    if (status != BROKER_REFUSED || wanted <= fallback || !replicas_impossible(reconciler->error)) {
        return status;
    }
    tell_replicas(reconciler, json_text(config, "name"), wanted, fallback, reconciler->error->text);
    set_number(config, "num_replicas", (double)fallback);
    return write_stream(reconciler, verb, config);
}

static enum broker_status create_stream(struct reconciler *reconciler, cJSON *want)
{
    enum broker_status status = write_with_replicas(reconciler, "CREATE", want, 1);
    if (status == BROKER_OK) {
        tell(reconciler, BROKER_REPORT_CREATED, "stream %s created", json_text(want, "name"));
    }
    return status;
}

static bool is_less(const cJSON *want, const cJSON *have)
{
    double have_limit = cJSON_IsNumber(have) && have->valuedouble > 0 ? have->valuedouble : 1e300; /* unlimited */
    double want_limit = cJSON_IsNumber(want) && want->valuedouble > 0 ? want->valuedouble : 1e300;
    return want_limit < have_limit;
}

/* Whether a stream can't be used with that difference: what it holds would be swallowed, dropped or never come. */
static bool decisive(const cJSON *want, const cJSON *have)
{
    static const char always[] = " retention discard subjects allow_rollup_hdrs ";
    char word[64];
    snprintf(word, sizeof word, " %s ", want->string);
    return strstr(always, word) != NULL || (strcmp(want->string, "max_age") == 0 && is_less(have, want));
}

/* Someone else's stream: look, don't touch. */
static enum broker_status judge_foreign(struct reconciler *reconciler, const cJSON *have, const cJSON *want)
{
    const char *stream = json_text(want, "name");
    enum broker_status status = BROKER_OK;
    const cJSON *field;
    cJSON_ArrayForEach(field, want)
    {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(have, field->string);
        if (strcmp(field->string, "description") == 0 || field_fits(other, field)) {
            continue;
        }
        if (!decisive(field, other)) {
            tell_field(reconciler, BROKER_REPORT_WARNING, stream, other, field, "not made by Stead, used as it is");
            continue;
        }
        tell_field(reconciler, BROKER_REPORT_ERROR, stream, other, field, "not made by Stead, can't be used");
        if (status == BROKER_OK) {
            status = broker_fail(reconciler->error, BROKER_FOREIGN,
                                 "stream %s was not made by Stead and its %s does not fit; rename or remove that "
                                 "stream, or use another account",
                                 stream, field->string);
        }
    }
    if (status == BROKER_OK) {
        tell(reconciler, BROKER_REPORT_WARNING, "stream %s was not made by Stead: used as it is, never changed",
             stream);
    }
    return status;
}

static int64_t wall_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Would lowering this limit drop messages that are stored now? */
static bool would_drop(const cJSON *state, const cJSON *want)
{
    double limit = want->valuedouble;
    int64_t messages = json_integer(state, "messages", 0);
    if (messages == 0 || limit <= 0) {
        return false;
    }
    if (strcmp(want->string, "max_msgs") == 0) {
        return (double)messages > limit;
    }
    if (strcmp(want->string, "max_bytes") == 0) {
        return (double)json_integer(state, "bytes", 0) > limit;
    }
    if (strcmp(want->string, "max_age") == 0) {
        return (double)(wall_now_ns() - json_time_ns(state, "first_ts")) > limit;
    }
    return strcmp(want->string, "max_msgs_per_subject") == 0;
}

static void add_subjects(cJSON *have, const cJSON *want)
{
    const cJSON *subject;
    cJSON_ArrayForEach(subject, want)
    {
        if (!has_text(have, subject->valuestring)) {
            cJSON_AddItemToArray(have, cJSON_CreateString(subject->valuestring));
        }
    }
}

static void put_field(cJSON *config, const cJSON *field)
{
    cJSON *copy = cJSON_Duplicate(field, true);
    if (cJSON_HasObjectItem(config, field->string)) {
        cJSON_ReplaceItemInObjectCaseSensitive(config, field->string, copy);
    } else {
        cJSON_AddItemToObject(config, field->string, copy);
    }
}

/* One differing field of our stream. True if `config` was changed. */
static bool merge_field(struct reconciler *reconciler, cJSON *config, const cJSON *state, const cJSON *want)
{
    const char *stream = json_text(config, "name");
    cJSON *have = cJSON_GetObjectItemCaseSensitive(config, want->string);
    if (strcmp(want->string, "storage") == 0 || strcmp(want->string, "retention") == 0) {
        tell_field(reconciler, BROKER_REPORT_WARNING, stream, have, want, "can't be changed, stays as it is");
        return false;
    }
    if (strcmp(want->string, "num_replicas") == 0 && reconciler->replicas_refused) {
        return false;
    }
    if (cJSON_IsArray(want)) {
        tell_field(reconciler, BROKER_REPORT_CHANGED, stream, have, want, "missing subjects added");
        add_subjects(have, want);
        return true;
    }
    if (cJSON_IsNumber(want) && is_less(want, have) && would_drop(state, want)) {
        tell_field(reconciler, BROKER_REPORT_WARNING, stream, have, want, "would drop stored messages, stays as it is");
        return false;
    }
    tell_field(reconciler, BROKER_REPORT_CHANGED, stream, have, want, "changed");
    put_field(config, want);
    return true;
}

/* A single 2.9.10 refuses to create three copies, but accepts a change to three, which then means nothing. */
static void lower_replicas(struct reconciler *reconciler, const cJSON *info, cJSON *want)
{
    int64_t wanted = json_integer(want, "num_replicas", 1);
    int64_t have = json_integer(cJSON_GetObjectItemCaseSensitive(info, "config"), "num_replicas", 1);
    if (wanted > have && !cJSON_HasObjectItem(info, "cluster")) {
        tell_replicas(reconciler, json_text(want, "name"), wanted, have, "a single server");
        set_number(want, "num_replicas", (double)have);
    }
}

static enum broker_status update_ours(struct reconciler *reconciler, const cJSON *info, const cJSON *want)
{
    const cJSON *state = cJSON_GetObjectItemCaseSensitive(info, "state");
    cJSON *config = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(info, "config"), true);
    int64_t copies = json_integer(config, "num_replicas", 1);
    bool changed = false;
    const cJSON *field;
    cJSON_ArrayForEach(field, want)
    {
        if (!field_fits(cJSON_GetObjectItemCaseSensitive(config, field->string), field)) {
            changed |= merge_field(reconciler, config, state, field);
        }
    }
    enum broker_status status = changed ? write_with_replicas(reconciler, "UPDATE", config, copies) : BROKER_OK;
    if (status == BROKER_OK && strcmp(json_text(config, "retention"), json_text(want, "retention")) != 0) {
        status = broker_fail(reconciler->error, BROKER_REFUSED,
                             "stream %s has retention %s, needs %s, and that can't be changed; remove the stream",
                             json_text(want, "name"), json_text(config, "retention"), json_text(want, "retention"));
    }
    cJSON_Delete(config);
    return status;
}

enum broker_status reconcile_stream(struct reconciler *reconciler, cJSON *want)
{
    char api[BROKER_SUBJECT_BYTES];
    char what[BROKER_SUBJECT_BYTES];
    cJSON *info = NULL;
    if (reconciler->replicas_refused) {
        set_number(want, "num_replicas", 1);
    }
    snprintf(api, sizeof api, "$JS.API.STREAM.INFO.%s", json_text(want, "name"));
    snprintf(what, sizeof what, "look up stream %s", json_text(want, "name"));
    enum broker_status status = broker_api(reconciler->broker, api, NULL, what, &info, reconciler->error);
    if (status == BROKER_NOT_FOUND) {
        status = create_stream(reconciler, want);
    } else if (status == BROKER_OK) {
        const cJSON *have = cJSON_GetObjectItemCaseSensitive(info, "config");
        lower_replicas(reconciler, info, want);
        status = broker_made_it(have) ? update_ours(reconciler, info, want) : judge_foreign(reconciler, have, want);
        cJSON_Delete(info);
    }
    if (status != BROKER_OK && status != BROKER_FOREIGN) {
        tell(reconciler, BROKER_REPORT_ERROR, "%s", reconciler->error->text);
    }
    cJSON_Delete(want);
    return status;
}
