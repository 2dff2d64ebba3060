/* Cancelling: found, stored as `cancelled`, removed, in that order; and what the instances do that hear of it. */
#include "tests/unit/core/puppet.h"

enum { SEQUENCE = 105 };

static void expect_reply(struct puppet *puppet, enum end end, enum reason reason)
{
    const struct effect *reply = puppet_one(puppet, EFFECT_REPLY);
    assert_int_equal(reply->end, end);
    assert_string_equal(reason_name((enum reason)reply->code), reason_name(reason));
    assert_int_equal(puppet_view(puppet).calls, 0);
}

/* Up to the question to store the result. */
static struct effect find(struct puppet *puppet, uint32_t request, uint64_t budget_ns)
{
    puppet_door(puppet, CALL_KIND_CANCEL, request, budget_ns);
    const struct effect *question = puppet_one(puppet, EFFECT_FIND_REQUEST);
    assert_true(key_equal(question->key, puppet_request(request)));
    puppet_found(puppet, question->operation, OUTCOME_DONE, SEQUENCE);
    return *puppet_one(puppet, EFFECT_PUBLISH_CANCELLED);
}

static struct effect store(struct puppet *puppet, uint32_t request)
{
    puppet_published(puppet, find(puppet, request, 0).operation, OUTCOME_DONE, 0);
    return *puppet_one(puppet, EFFECT_REMOVE_REQUEST);
}

/* -- the canceller ----------------------------------------------------------------------------------------------- */

static void stores_before_it_removes(void **state)
{
    static const enum outcome outcomes[] = { OUTCOME_DONE, OUTCOME_REFUSED };
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < 2; i++) {
        struct effect stored = find(puppet, 5, 0);
        assert_int_equal(stored.amount, SEQUENCE);
        assert_int_equal(puppet_count(puppet, EFFECT_REMOVE_REQUEST) + puppet_count(puppet, EFFECT_ANNOUNCE_CANCEL), 0);
        puppet_published(puppet, stored.operation, OUTCOME_DONE, 0);
        assert_true(key_equal(puppet_one(puppet, EFFECT_ANNOUNCE_CANCEL)->key, puppet_request(5)));
        struct effect removal = *puppet_one(puppet, EFFECT_REMOVE_REQUEST);
        assert_int_equal(removal.amount, SEQUENCE);
        assert_int_equal(puppet_call_state(puppet, 5), CALL_REMOVING);
        puppet_removed(puppet, removal.operation, outcomes[i]); /* gone by itself is as good */
        expect_reply(puppet, END_CANCELLED, REASON_NONE);
    }
}

static void tells_ended_from_unknown_requests(void **state)
{
    static const struct {
        enum outcome fetched;
        enum reason reason;
    } cases[] = { { OUTCOME_DONE, REASON_ALREADY_ENDED }, { OUTCOME_REFUSED, REASON_REQUEST_NOT_FOUND } };
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < 2; i++) {
        puppet_door(puppet, CALL_KIND_CANCEL, 5, 0);
        puppet_found(puppet, puppet_one(puppet, EFFECT_FIND_REQUEST)->operation, OUTCOME_REFUSED, 0);
        uint64_t operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
        puppet_fetched(puppet, operation, OUTCOME_UNKNOWN, END_NONE, 0);
        puppet_wait(puppet, 20 * MS);
        operation = puppet_one(puppet, EFFECT_FETCH_RESULT)->operation;
        puppet_fetched(puppet, operation, cases[i].fetched, END_SUCCEEDED, 7);
        expect_reply(puppet, END_NONE, cases[i].reason);
        assert_int_equal(puppet->blobs, 0);
    }
}

/* Its result is gone, its letter finds no room: it was dead-lettered all the same. */
static void does_not_cancel_what_has_ended_by_its_ledger(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_CANCEL, 5, 0);
    struct input found = { .kind = INPUT_FOUND, .as.found = { SEQUENCE, END_DEAD_LETTERED } };
    found.answers = puppet_one(puppet, EFFECT_FIND_REQUEST)->operation;
    puppet_fact(puppet, found);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_CANCELLED), 0);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_REPLY), 0); /* it is to be stored, anew if it was before */
    puppet_wait(puppet, 20 * MS);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_DEAD_LETTERED, 7);
    expect_reply(puppet, END_NONE, REASON_ALREADY_ENDED);
}

static void loses_the_race_for_the_result(void **state)
{
    struct puppet *puppet = *state;
    puppet_published(puppet, find(puppet, 5, 0).operation, OUTCOME_REFUSED, 10071);
    expect_reply(puppet, END_NONE, REASON_ALREADY_ENDED);
    find(puppet, 6, 0);
    puppet_answer(puppet, 6, END_SUCCEEDED, 7); /* hears of it before the broker answers */
    expect_reply(puppet, END_NONE, REASON_ALREADY_ENDED);
    puppet_door(puppet, CALL_KIND_CANCEL, 7, 0);
    puppet_answer(puppet, 7, END_SUCCEEDED, 7);
    expect_reply(puppet, END_NONE, REASON_ALREADY_ENDED);
}

/* "It exists" after a question without an answer may be our own. */
static void looks_whose_result_it_is(void **state)
{
    static const struct {
        enum end end;
        bool ours;
    } cases[] = { { END_CANCELLED, true }, { END_SUCCEEDED, false } };
    struct puppet *puppet = *state;
    for (uint32_t i = 0; i < 2; i++) {
        puppet_published(puppet, find(puppet, 5, 0).operation, OUTCOME_UNKNOWN, 0);
        assert_int_equal(puppet->seen_count, 0);
        puppet_wait(puppet, 2 * SECOND);
        puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_CANCELLED)->operation, OUTCOME_REFUSED, 10071);
        puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, cases[i].end, 7);
        if (cases[i].ours) {
            puppet_removed(puppet, puppet_one(puppet, EFFECT_REMOVE_REQUEST)->operation, OUTCOME_DONE);
        }
        expect_reply(puppet, cases[i].ours ? END_CANCELLED : END_NONE,
                     cases[i].ours ? REASON_NONE : REASON_ALREADY_ENDED);
    }
}

static void stores_again_what_was_lost_with_the_link(void **state)
{
    struct puppet *puppet = *state;
    uint64_t operation = find(puppet, 5, 0).operation;
    puppet_link_down(puppet);
    puppet_wait(puppet, 10 * SECOND);
    assert_int_equal(puppet->seen_count, 0);
    puppet_link_up(puppet);
    uint64_t again = puppet_one(puppet, EFFECT_PUBLISH_CANCELLED)->operation;
    puppet_published(puppet, operation, OUTCOME_DONE, 0); /* late */
    assert_int_equal(puppet_call_state(puppet, 5), CALL_STORING);
    puppet_published(puppet, again, OUTCOME_REFUSED, 10071);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_wait(puppet, 80 * MS); /* it was another's, and is no longer kept */
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_CANCELLED)->operation, OUTCOME_DONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_REMOVE_REQUEST), 0); /* it was found on an earlier connection */
    puppet_one(puppet, EFFECT_ANNOUNCE_CANCEL);
    expect_reply(puppet, END_CANCELLED, REASON_NONE);
}

static void removes_only_on_the_connection_on_which_it_found(void **state)
{
    struct puppet *puppet = *state;
    puppet_published(puppet, find(puppet, 5, 0).operation, OUTCOME_DONE, 0);
    puppet_removed(puppet, puppet_one(puppet, EFFECT_REMOVE_REQUEST)->operation, OUTCOME_UNKNOWN);
    puppet_link_down(puppet);
    puppet_wait(puppet, SECOND);
    puppet_link_up(puppet);
    assert_int_equal(puppet_count(puppet, EFFECT_REMOVE_REQUEST), 0);
    puppet_one(puppet, EFFECT_ANNOUNCE_CANCEL); /* whoever was away hears it now */
    expect_reply(puppet, END_CANCELLED, REASON_NONE);
}

static void asks_ever_more_slowly(void **state)
{
    static const uint64_t after_ns[] = { 2 * SECOND, 4 * SECOND, 8 * SECOND, 16 * SECOND };
    static const enum effect_kind kinds[] = { EFFECT_FIND_REQUEST, EFFECT_PUBLISH_CANCELLED, EFFECT_REMOVE_REQUEST };
    struct puppet *puppet = *state;
    for (uint32_t stage = 0; stage < 3; stage++) {
        if (stage == 0) {
            puppet_door(puppet, CALL_KIND_CANCEL, stage, 0);
        } else if (stage == 1) {
            find(puppet, stage, 0);
        } else {
            store(puppet, stage);
        }
        for (uint32_t i = 0; i < 4; i++) {
            puppet_wait(puppet, after_ns[i] - 1);
            assert_int_equal(puppet_count(puppet, kinds[stage]), 0);
            puppet_wait(puppet, 1);
            puppet_one(puppet, kinds[stage]);
        }
        puppet_wait(puppet, 60 * SECOND);
        puppet_one(puppet, EFFECT_REPLY);
        assert_int_equal(puppet_view(puppet).calls, 0);
    }
}

static void says_at_the_deadline_what_is_certain(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_CANCEL, 5, SECOND);
    puppet_wait(puppet, SECOND);
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
    find(puppet, 5, SECOND); /* asked, not answered */
    puppet_wait(puppet, SECOND);
    expect_reply(puppet, END_NONE, REASON_OUTCOME_UNKNOWN);
    puppet_published(puppet, find(puppet, 5, SECOND).operation, OUTCOME_REFUSED, 10077);
    puppet_wait(puppet, SECOND);
    expect_reply(puppet, END_NONE, REASON_DEADLINE_EXCEEDED);
    store(puppet, 5);
    puppet_wait(puppet, 60 * SECOND);
    expect_reply(puppet, END_CANCELLED, REASON_NONE);
    puppet_link_down(puppet);
    puppet_door(puppet, CALL_KIND_CANCEL, 5, SECOND);
    expect_reply(puppet, END_NONE, REASON_NATS_UNAVAILABLE);
}

/* What is stored is to be removed, whoever still listens. */
static void goes_on_without_its_caller(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_CANCEL, 5, 0);
    puppet_cancelled(puppet, puppet_one(puppet, EFFECT_ADMIT)->about);
    assert_int_equal(puppet_view(puppet).calls, 0);
    struct effect stored = find(puppet, 5, 0);
    puppet_cancelled(puppet, stored.about);
    puppet_published(puppet, stored.operation, OUTCOME_DONE, 0);
    uint64_t removal = puppet_one(puppet, EFFECT_REMOVE_REQUEST)->operation;
    puppet_cancelled(puppet, stored.about);
    puppet_removed(puppet, removal, OUTCOME_DONE);
    expect_reply(puppet, END_CANCELLED, REASON_NONE);
}

static void ignores_what_answers_other_questions(void **state)
{
    struct puppet *puppet = *state;
    puppet_door(puppet, CALL_KIND_CANCEL, 5, 0);
    uint64_t operation = puppet_one(puppet, EFFECT_FIND_REQUEST)->operation;
    puppet_found(puppet, operation + 1, OUTCOME_DONE, SEQUENCE);
    puppet_removed(puppet, operation, OUTCOME_DONE);
    puppet_published(puppet, operation, OUTCOME_DONE, 0);
    puppet_found(puppet, operation, OUTCOME_UNKNOWN, 0);
    assert_int_equal(puppet_call_state(puppet, 5), CALL_FINDING);
    puppet_found(puppet, operation, OUTCOME_DONE, SEQUENCE); /* answered already */
    assert_int_equal(puppet_call_state(puppet, 5), CALL_FINDING);
    assert_int_equal(puppet->seen_count, 0);
}

/* -- the others -------------------------------------------------------------------------------------------------- */

static void settles_what_is_queued(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_deliver(puppet, function, 4, SEQUENCE, 1); /* occupies the worker */
    puppet_deliver(puppet, function, 5, SEQUENCE + 1, 1);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_QUEUED);
    puppet_cancel_heard(puppet, 5);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_CHECKING);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    puppet_one(puppet, EFFECT_ACK);
    assert_int_equal(puppet_count(puppet, EFFECT_CANCEL), 0);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_FREE);
    assert_int_equal(puppet_delivery(puppet, 4), DELIVERY_RUNNING);
}

static void stops_what_runs_and_charges_nobody(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 2 });
    puppet_call(puppet, 5, 1, 7, 0);
    puppet_published(puppet, puppet_one(puppet, EFFECT_PUBLISH_REQUEST)->operation, OUTCOME_DONE, 0);
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_cancel_heard(puppet, 5);
    assert_int_equal(puppet_count(puppet, EFFECT_FETCH_RESULT), 2); /* the caller looks, and so does the delivery */
    const struct effect *mine = puppet_nth(puppet, EFFECT_FETCH_RESULT, 1);
    assert_int_equal(handle_table(mine->about), TABLE_DELIVERY);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_RUNNING); /* A hint may be forged: nothing stops yet. */
    puppet_fetched(puppet, mine->operation, OUTCOME_DONE, END_CANCELLED, 7);
    assert_int_equal(puppet_one(puppet, EFFECT_CANCEL)->stream, execute.stream);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_FETCHING);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    puppet_order(puppet, EFFECT_REPLY, EFFECT_ACK, EFFECT_COUNT);
    assert_int_equal(puppet_one(puppet, EFFECT_REPLY)->end, END_CANCELLED);
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    puppet_error(puppet, execute.about, execute.stream, ERROR_RETRY, 0); /* It stopped as asked; nobody cares why. */
    assert_int_equal(puppet_count(puppet, EFFECT_LEDGER_PUT), 0);
    assert_int_equal(puppet_worker(puppet, execute.about), WORKER_IDLE);
}

/* A broker that lost its power forgot the cancel after it was seen: the request is to run again, and nobody pays. */
static void runs_again_what_is_no_longer_cancelled(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .retries_max = 2 });
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    puppet_cancel_heard(puppet, 5);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_FETCHING);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    assert_int_equal(puppet_count(puppet, EFFECT_PUBLISH_RESULT), 0);
    assert_int_equal(puppet_one(puppet, EFFECT_HAND_BACK)->amount, 0);
}

static void kills_what_does_not_stop(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ .timeout_ns = 60 * SECOND });
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    puppet_cancel_heard(puppet, 5);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    puppet_wait(puppet, 3 * SECOND);
    puppet_one(puppet, EFFECT_KILL_WORKER);
}

/* Told of a cancel that is none: looks, finds nothing, goes on. */
static void believes_only_what_is_stored(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    struct effect execute = *puppet_one(puppet, EFFECT_EXECUTE);
    puppet_cancel_heard(puppet, 5);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    assert_int_equal(puppet->seen_count, 0);
    puppet_deliver(puppet, function, 6, SEQUENCE + 1, 1);
    puppet_cancel_heard(puppet, 6);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_cancel_heard(puppet, 6); /* while the ledger is read */
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_REFUSED, END_NONE, 0);
    puppet_ledger(puppet, puppet_one(puppet, EFFECT_LEDGER_GET)->operation, OUTCOME_REFUSED, 0, 0, 0, 0);
    assert_int_equal(puppet_delivery(puppet, 6), DELIVERY_QUEUED);
    puppet_result(puppet, execute.about, execute.stream);
    assert_int_equal(puppet_delivery(puppet, 5), DELIVERY_STORING);
    assert_int_equal(puppet_delivery(puppet, 6), DELIVERY_CLAIMING);
    puppet_cancel_heard(puppet, 6); /* and while its start is claimed */
    assert_int_equal(puppet_delivery(puppet, 6), DELIVERY_CHECKING);
    puppet_cancel_heard(puppet, 6); /* what was asked before may have been too early */
    puppet_one(puppet, EFFECT_FETCH_RESULT);
    puppet_cancel_heard(puppet, 77); /* nobody's */
    assert_int_equal(puppet->seen_count, 0);
}

/* A call that was sent ahead of its turn can't be stopped alone: those before it would pay. */
static void leaves_what_was_sent_ahead(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    struct core *core = puppet->core;
    worker_at(core, handle_index(puppet->worker))->ahead = true;
    function_at(core, handle_index(function))->execute_ns = MS;
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    puppet_deliver(puppet, function, 6, SEQUENCE + 1, 1);
    assert_int_equal(puppet_delivery(puppet, 6), DELIVERY_RUNNING);
    puppet_cancel_heard(puppet, 6);
    puppet_fetched(puppet, puppet_one(puppet, EFFECT_FETCH_RESULT)->operation, OUTCOME_DONE, END_CANCELLED, 7);
    assert_int_equal(puppet_count(puppet, EFFECT_CANCEL), 0);
    assert_int_equal(puppet_delivery(puppet, 6), DELIVERY_RUNNING);
}

static void hears_nothing_of_a_passed_connection(void **state)
{
    struct puppet *puppet = *state;
    struct handle function = puppet_deploy(puppet, 1, (struct deployed){ 0 });
    puppet_deliver(puppet, function, 5, SEQUENCE, 1);
    puppet_link_down(puppet);
    puppet_cancel_heard(puppet, 5);
    assert_int_equal(puppet->seen_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stores_before_it_removes),
        TEST(tells_ended_from_unknown_requests),
        TEST(does_not_cancel_what_has_ended_by_its_ledger),
        TEST(loses_the_race_for_the_result),
        TEST(looks_whose_result_it_is),
        TEST(stores_again_what_was_lost_with_the_link),
        TEST(removes_only_on_the_connection_on_which_it_found),
        TEST(asks_ever_more_slowly),
        TEST(says_at_the_deadline_what_is_certain),
        TEST(goes_on_without_its_caller),
        TEST(ignores_what_answers_other_questions),
        TEST(settles_what_is_queued),
        TEST(stops_what_runs_and_charges_nobody),
        TEST(runs_again_what_is_no_longer_cancelled),
        TEST(kills_what_does_not_stop),
        TEST(believes_only_what_is_stored),
        TEST(leaves_what_was_sent_ahead),
        TEST(hears_nothing_of_a_passed_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
