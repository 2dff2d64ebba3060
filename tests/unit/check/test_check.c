/* Each promise has histories that break it and that promise alone, and others that look like it and do not. */
#include "tests/unit/check/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define END      "900 driver info end\n"
#define SETTINGS "0 driver info settings retries=2 executions_max=4 exact=1\n"
#define UP       "1 n1 info life state=up\n"
#define ASKED    "10 c1 invoke call n=1 id=r fn=f in=aa budget_ns=500\n"
#define RAN                                                                                                            \
    "20 n1/w1 invoke exec n=1 id=r fn=f ver=v1 try=1 in=aa\n"                                                          \
    "30 n1/w1 ok exec n=1 dig=bb\n"
#define ANSWERED "40 c1 ok call n=1 end=succeeded dig=bb att=1\n"
#define STORED   "800 driver info readback what=result id=r end=succeeded dig=bb in=aa att=1\n"
#define DEPLOYED                                                                                                       \
    "2 driver info deploy fn=f ver=v1\n"                                                                               \
    "3 driver ok deploy fn=f ver=v1\n"

enum { CLEAN = CHECK_RULE_COUNT };

struct row {
    const char *name;
    int rule; /* broken, once or more, and nothing else */
    const char *lines;
};

static void judge(const struct row *row)
{
    struct check *check;
    const struct check_report *report = history_judge(row->lines, &check);
    for (int rule = 0; rule < CHECK_RULE_COUNT; rule++) {
        bool broken = report->by_rule[rule] != 0;
        if (broken && strcmp(report->listed[0].request, "r") != 0) {
            fail_msg("%s: names request \"%s\"", row->name, report->listed[0].request);
        }
        if (broken != (rule == row->rule)) {
            fail_msg("%s: %s %s (%s)", row->name, check_rule_name((enum check_rule)rule),
                     broken ? "was found" : "was not found", broken ? report->listed[0].why : "nothing");
        }
    }
    check_free(check);
}

static const struct row good[] = {
    { "a call", CLEAN, SETTINGS UP DEPLOYED ASKED RAN ANSWERED STORED END },
    { "nothing", CLEAN, SETTINGS END },
    { "a refusal", CLEAN, SETTINGS ASKED "20 c1 fail call n=1 reason=QUEUE_FULL\n" END },
    { "an unknown call that was never there", CLEAN,
      SETTINGS ASKED "20 c1 info call n=1 reason=OUTCOME_UNKNOWN\n" END },
    { "an unknown call that ran", CLEAN, SETTINGS ASKED RAN "40 c1 info call n=1\n" STORED END },
    { "a time-out when it is due, and the result later", CLEAN,
      SETTINGS ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=aa\n"
                     "510 c1 info call n=1 reason=DEADLINE_EXCEEDED\n"
                     "600 n1/w1 ok exec n=1 dig=bb\n" STORED END },
    { "a dead letter", CLEAN,
      SETTINGS "10 c1 invoke submit n=1 id=r fn=f in=aa\n11 c1 ok submit n=1\n"
               "20 n1/w1 invoke exec n=1 id=r fn=f try=1\n21 n1/w1 fail exec n=1\n"
               "30 n1/w1 invoke exec n=2 id=r fn=f try=2\n31 n1/w1 fail exec n=2\n"
               "40 n1/w1 invoke exec n=3 id=r fn=f try=3\n41 n1/w1 fail exec n=3\n"
               "800 driver info readback what=result id=r end=dead-lettered att=3 reason=FUNCTION_ERROR\n"
               "800 driver info readback what=dead id=r\n" END },
    { "an instance died, and nobody was charged", CLEAN,
      SETTINGS UP ASKED
      "20 n1/w1 invoke exec n=1 id=r fn=f in=aa try=1\n"
      "21 n1 info life state=down\n"
      "30 n2/w1 invoke exec n=1 id=r fn=f in=aa try=1\n31 n2/w1 ok exec n=1 dig=bb\n" ANSWERED STORED END },
    { "another version after a deploy", CLEAN,
      SETTINGS DEPLOYED ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=aa ver=v1\n21 n1/w1 fail exec n=1\n"
                              "25 driver info deploy fn=f ver=v2\n26 driver ok deploy fn=f ver=v2\n"
                              "30 n1/w2 invoke exec n=1 id=r fn=f in=aa ver=v2\n31 n1/w2 ok exec n=1 dig=bb\n"
                              "40 c1 ok call n=1 end=succeeded dig=bb att=2\n" END },
    { "a result that was kept no longer", CLEAN,
      "0 driver info settings retention_ns=100\n10 c1 invoke submit n=1 id=r fn=f\n11 c1 ok submit n=1\n" END },
    { "another result once the first was gone", CLEAN,
      "0 driver info settings retention_ns=100\n10 c1 invoke call n=1 id=r fn=f in=aa\n"
      "11 n1/w1 invoke exec n=1 id=r fn=f\n12 n1/w1 ok exec n=1 dig=bb\n13 c1 ok call n=1 end=succeeded dig=bb\n"
      "300 c1 invoke call n=2 id=r fn=f in=aa\n311 n1/w1 invoke exec n=2 id=r fn=f\n"
      "312 n1/w1 ok exec n=2 dig=cc\n313 c1 ok call n=2 end=succeeded dig=cc\n" END },
    { "a conflict beside the call", CLEAN,
      SETTINGS UP ASKED "11 c2 invoke call n=1 id=r fn=f in=dd\n" RAN
                        "35 c2 fail call n=1 reason=ID_CONFLICT\n" ANSWERED STORED END },
    { "a cancel that won", CLEAN,
      SETTINGS ASKED
      "20 c2 invoke cancel n=1 id=r\n25 c2 ok cancel n=1 end=cancelled\n"
      "30 c1 fail call n=1 end=cancelled\n800 driver info readback what=result id=r end=cancelled\n" END },
    { "a cancel that came too late", CLEAN,
      SETTINGS ASKED RAN ANSWERED "50 c2 invoke cancel n=1 id=r\n55 c2 fail cancel n=1 reason=ALREADY_ENDED\n" END },
    { "no such request, for a stranger had removed it, and asked for again", CLEAN,
      SETTINGS UP
      "5 c1 invoke submit n=1 id=r fn=f in=aa\n6 c1 ok submit n=1\n"
      "7 c2 invoke cancel n=1 id=r\n8 c2 fail cancel n=1 reason=REQUEST_NOT_FOUND\n" ASKED RAN ANSWERED STORED END },
    { "a drain that waits for what runs", CLEAN,
      SETTINGS UP ASKED "15 n1 info drain grace_ns=100\n" RAN ANSWERED
                        "45 n1 ok drain\n46 n1 info life state=down\n" END },
    { "a drain whose grace is over", CLEAN,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f\n30 n1 info drain grace_ns=100\n130 n1 ok drain\n"
                        "131 n1 info life state=down\n"
                        "140 n2/w1 invoke exec n=1 id=r fn=f\n150 n2/w1 ok exec n=1 dig=bb\n"
                        "160 c1 ok call n=1 end=succeeded dig=bb att=1\n" END },
    { "a broker that lost its power", CLEAN,
      SETTINGS UP "10 c1 invoke submit n=1 id=r fn=f in=aa\n11 c1 ok submit n=1\n"
                  "801 driver info readback what=forgotten id=r\n" END },
    { "a function that nobody who is left may run", CLEAN,
      SETTINGS UP "10 c1 invoke submit n=1 id=r fn=f in=aa\n11 c1 ok submit n=1\n"
                  "801 driver info readback what=stranded id=r\n" END },
    { "timed out at the end of a drain, and asked for again", CLEAN,
      "0 driver info settings retries=2 executions_max=4 exact=1 timeout_ns=10\n" UP ASKED
      "20 n1/w1 invoke exec n=1 id=r fn=f\n22 n1 info drain grace_ns=100\n30 n1 ok drain\n"
      "31 n1 info life state=down\n40 n2/w1 invoke exec n=1 id=r fn=f in=aa\n"
      "45 n2/w1 ok exec n=1 dig=bb\n46 c1 ok call n=1 end=succeeded dig=bb att=1\n" END },
    { "no witness", CLEAN, SETTINGS ASKED ANSWERED STORED END },
};

static const struct row bad[] = {
    { "accepted and gone", CHECK_S1, SETTINGS "10 c1 invoke submit n=1 id=r fn=f\n11 c1 ok submit n=1\n" END },
    { "ran and gone, though its caller knows nothing", CHECK_S1, SETTINGS ASKED RAN "40 c1 info call n=1\n" END },
    { "a dead letter without its result", CHECK_S1,
      SETTINGS UP ASKED RAN ANSWERED STORED "801 driver info readback what=dead id=r\n" END },
    { "a dead-lettered result without its letter", CHECK_S1,
      SETTINGS ASKED "40 c1 fail call n=1 end=dead-lettered\n"
                     "800 driver info readback what=result id=r end=dead-lettered\n" END },
    { "two readers, two results", CHECK_S2,
      SETTINGS UP ASKED RAN ANSWERED "50 n1/w1 invoke exec n=2 id=r fn=f in=aa\n55 n1/w1 ok exec n=2 dig=cc\n"
                                     "60 c2 invoke result n=1 id=r\n65 c2 ok result n=1 end=succeeded dig=cc\n" END },
    { "two results stored", CHECK_S2, SETTINGS UP ASKED RAN ANSWERED STORED STORED END },
    { "the end changed", CHECK_S2,
      SETTINGS UP ASKED RAN ANSWERED "60 c2 invoke result n=1 id=r\n65 c2 fail result n=1 end=failed\n" END },
    { "a stranger's result", CHECK_S2,
      SETTINGS UP ASKED RAN ANSWERED "50 c2 invoke call n=1 id=r fn=f in=dd\n"
                                     "55 c2 fail call n=1 end=failed in=aa\n"
                                     "60 n1/w1 invoke exec n=2 id=r fn=f in=aa\n" END },
    { "a success nobody computed", CHECK_S3,
      SETTINGS UP ASKED RAN "40 c1 ok call n=1 end=succeeded dig=cc att=1\n" END },
    { "a success before it was computed", CHECK_S3,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=aa\n25 c1 ok call n=1 end=succeeded dig=bb att=1\n"
                        "30 n1/w1 ok exec n=1 dig=bb\n" END },
    { "another input ran", CHECK_S3,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=dd\n30 n1/w1 fail exec n=1\n"
                        "40 c1 fail call n=1 end=failed att=1\n" END },
    { "nobody had asked", CHECK_S3, SETTINGS RAN "800 driver info readback what=result id=r end=failed att=1\n" END },
    { "more attempts than promised", CHECK_S4,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f\n30 n1/w1 fail exec n=1\n"
                        "31 n1/w1 invoke exec n=2 id=r fn=f\n32 n1/w1 fail exec n=2\n"
                        "33 n1/w1 invoke exec n=3 id=r fn=f\n34 n1/w1 fail exec n=3\n"
                        "35 n1/w1 invoke exec n=4 id=r fn=f\n36 n1/w1 fail exec n=4\n"
                        "40 c1 fail call n=1 end=failed att=4\n" END },
    { "a try too many", CHECK_S4,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=aa try=4\n30 n1/w1 ok exec n=1 dig=bb\n" ANSWERED END },
    { "charged for an instance that died", CHECK_S4,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f in=aa\n21 n1 info life state=down\n"
                        "30 n2/w1 invoke exec n=1 id=r fn=f in=aa\n31 n2/w1 ok exec n=1 dig=bb\n"
                        "40 c1 ok call n=1 end=succeeded dig=bb att=2\n" END },
    { "no answer", CHECK_S7, SETTINGS ASKED END },
    { "two answers", CHECK_S7, SETTINGS UP ASKED RAN ANSWERED "45 c1 ok call n=1 end=succeeded dig=bb att=1\n" END },
    { "refused and run", CHECK_S7, SETTINGS ASKED RAN "40 c1 fail call n=1 reason=QUEUE_FULL\n" STORED END },
    { "a start after the drain", CHECK_S13,
      SETTINGS UP ASKED "15 n1 info drain grace_ns=100\n16 n1 ok drain\n" RAN ANSWERED STORED END },
    { "cut off by a drain", CHECK_S13,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=f\n22 n1 info drain grace_ns=100\n30 n1 ok drain\n"
                        "31 n1 info life state=down\n40 n2/w1 invoke exec n=1 id=r fn=f in=aa\n"
                        "45 n2/w1 ok exec n=1 dig=bb\n46 c1 ok call n=1 end=succeeded dig=bb att=1\n" END },
    { "a success too late", CHECK_S15,
      SETTINGS UP ASKED RAN "511 c1 ok call n=1 end=succeeded dig=bb att=1\n" STORED END },
    { "a time-out too early", CHECK_S15,
      SETTINGS UP ASKED RAN "509 c1 info call n=1 reason=DEADLINE_EXCEEDED\n" STORED END },
    { "a version nobody published", CHECK_S16,
      SETTINGS UP DEPLOYED ASKED
      "20 n1/w1 invoke exec n=1 id=r fn=f in=aa ver=v2\n30 n1/w1 ok exec n=1 dig=bb\n" ANSWERED END },
    { "two versions, and nothing was deployed", CHECK_S16,
      SETTINGS UP DEPLOYED "4 driver info deploy fn=f ver=v2\n5 driver ok deploy fn=f ver=v2\n" ASKED
                           "20 n1/w1 invoke exec n=1 id=r fn=f in=aa ver=v1\n21 n1/w1 fail exec n=1\n"
                           "30 n1/w2 invoke exec n=1 id=r fn=f in=aa ver=v2\n31 n1/w2 ok exec n=1 dig=bb\n"
                           "40 c1 ok call n=1 end=succeeded dig=bb att=2\n" END },
    { "another function", CHECK_S16,
      SETTINGS UP ASKED "20 n1/w1 invoke exec n=1 id=r fn=g in=aa\n30 n1/w1 ok exec n=1 dig=bb\n" ANSWERED END },
    { "cancelled, and then not", CHECK_S22,
      SETTINGS UP ASKED "15 c2 invoke cancel n=1 id=r\n16 c2 ok cancel n=1 end=cancelled\n" RAN ANSWERED STORED END },
    { "ended already, and no result", CHECK_S22,
      SETTINGS ASKED "15 c2 invoke cancel n=1 id=r\n16 c2 fail cancel n=1 reason=ALREADY_ENDED\n"
                     "20 c1 info call n=1\n" END },
    { "no such request, and it runs", CHECK_S22,
      SETTINGS UP "10 c1 invoke submit n=1 id=r fn=f in=aa\n11 c1 ok submit n=1\n"
                  "15 c2 invoke cancel n=1 id=r\n16 c2 fail cancel n=1 reason=REQUEST_NOT_FOUND\n" RAN STORED END },
    { "no such request, and it runs before it is asked for again", CHECK_S22,
      SETTINGS UP "5 c1 invoke submit n=1 id=r fn=f in=aa\n6 c1 ok submit n=1\n"
                  "7 c2 invoke cancel n=1 id=r\n8 c2 fail cancel n=1 reason=REQUEST_NOT_FOUND\n" RAN
                  "35 c1 invoke submit n=2 id=r fn=f in=aa\n36 c1 ok submit n=2\n" STORED END },
    { "no such request, and it runs for who asked first", CHECK_S22,
      SETTINGS UP "5 c1 invoke call n=1 id=r fn=f in=aa\n6 n1/w1 invoke exec n=9 id=r fn=f in=aa\n"
                  "7 n1/w1 fail exec n=9\n8 c2 invoke cancel n=1 id=r\n"
                  "9 c2 fail cancel n=1 reason=REQUEST_NOT_FOUND\n" RAN
                  "40 c1 ok call n=1 end=succeeded dig=bb att=2\n" END },
    { "no result, and one was seen", CHECK_S22,
      SETTINGS UP ASKED RAN ANSWERED
      "50 c2 invoke result n=1 id=r\n55 c2 fail result n=1 reason=RESULT_NOT_FOUND\n" END },
    { "still queued though it ended", CHECK_L7,
      SETTINGS UP ASKED RAN ANSWERED STORED "801 driver info readback what=queued id=r\n" END },
    { "still queued, and with it its dead letter", CHECK_L7,
      SETTINGS ASKED "40 c1 fail call n=1 end=dead-lettered\n"
                     "800 driver info readback what=result id=r end=dead-lettered\n"
                     "801 driver info readback what=queued id=r\n" END },
    { "over its budget of executions", CHECK_L10,
      "0 driver info settings executions_max=1\n" UP ASKED RAN
      "31 n1/w1 invoke exec n=2 id=r fn=f in=aa\n32 n1/w1 ok exec n=2 dig=bb\n" ANSWERED END },
};

static void test_good(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(good) / sizeof(good[0]); at++) {
        judge(&good[at]);
    }
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof(bad) / sizeof(bad[0]); at++) {
        judge(&bad[at]);
    }
}

/* What is accepted and never ends is also still in the queue: the two go together. */
static void test_accepted_and_queued(void **state)
{
    (void)state;
    struct check *check;
    const struct check_report *report =
        history_judge(SETTINGS "10 c1 invoke submit n=1 id=r fn=f\n11 c1 ok submit n=1\n"
                               "801 driver info readback what=queued id=r\n" END,
                      &check);
    assert_int_equal(report->by_rule[CHECK_L1], 1);
    assert_int_equal(report->by_rule[CHECK_L7], 1);
    assert_int_equal(report->violations, 2);
    assert_int_equal(report->lost, 0);
    assert_string_equal(report->listed[0].request, "r");
    check_free(check);
}

static void test_counts(void **state)
{
    (void)state;
    struct check *check;
    const struct check_report *report = history_judge(
        SETTINGS UP ASKED RAN ANSWERED "50 c1 invoke call n=2 id=q fn=f\n60 c1 info call n=2\n" STORED END, &check);
    assert_int_equal(report->requests, 2);
    assert_int_equal(report->accepted, 1);
    assert_int_equal(report->terminal, 1);
    assert_int_equal(report->unknown, 1);
    assert_int_equal(report->operations, 2);
    assert_int_equal(report->executions, 1);
    assert_true(report->witnessed);
    check_free(check);
}

/* Each rule has a history that breaks it. */
static void test_each_rule_has_a_history(void **state)
{
    (void)state;
    for (int rule = 0; rule < CHECK_RULE_COUNT; rule++) {
        bool found = rule == CHECK_L1; /* test_accepted_and_queued */
        for (size_t at = 0; at < sizeof(bad) / sizeof(bad[0]); at++) {
            found = found || bad[at].rule == rule;
        }
        if (!found) {
            fail_msg("no history breaks %s", check_rule_name((enum check_rule)rule));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_accepted_and_queued),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_each_rule_has_a_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
