/* What the machines say to each other. Every handler may emit at most EFFECTS_PER_HANDLER effects; work that could need
 * more marks a function dirty or starts a sweep and goes on later in the step, or at the next one. */
#ifndef STEAD_CORE_MACHINE_H
#define STEAD_CORE_MACHINE_H

#include "core/emit.h"
#include "core/index.h"
#include "core/list.h"
#include "core/pool.h"
#include "core/state.h"
#include "core/timers.h"

/* call.c: a waiting caller */
void call_submitted(struct core *core, const struct input *input);
void call_cancelled(struct core *core, uint32_t index);
void call_published(struct core *core, uint32_t index, const struct input *input);
void call_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob);
void call_become(struct core *core, uint32_t index, enum call_state next);
void call_arm(struct core *core, uint32_t index);
/* Emits what the call waits for from now on, and looks again when no answer comes. */
struct effect *call_ask(struct core *core, uint32_t index, enum effect_kind kind);
void call_fetch(struct core *core, uint32_t index);
void call_publish(struct core *core, uint32_t index);
void call_found_nothing(struct core *core, uint32_t index); /* no result is stored */
void call_look_later(struct core *core, uint32_t index);    /* ever more slowly */
bool call_answers_now(struct core *core, uint32_t index, const struct input *input);
/* Answers without a result, and frees the row. */
void call_end(struct core *core, uint32_t index, enum end end, enum reason reason);
void call_timer(struct core *core, uint32_t index);
void call_link_up(struct core *core, uint32_t index);
void calls_drain(struct core *core); /* ends those that only read, a few per step */
/* Answers every call that waits for `request`, whose result is as.result of `stored`. The blob is only borrowed. */
void calls_answer(struct core *core, struct key request, const struct input *stored, struct blob blob);

/* door.c: which calls are taken */
bool call_publishes(uint32_t kind); /* enum call_kind */
bool call_reads(uint32_t kind);     /* it only asks for a result, and can do so elsewhere */
/* Why a call can't be taken, or REASON_NONE. `function` is NOWHERE if there is none of that name. */
enum reason call_obstacle(struct core *core, const struct input *input, uint32_t function);

/* cancel.c: a caller who ends a request, and what the others do when they hear of it */
void cancel_begin(struct core *core, uint32_t index);
void cancel_issue(struct core *core, uint32_t index); /* asks what the present state waits for, again */
void cancel_found(struct core *core, uint32_t index, const struct input *input);
void cancel_stored(struct core *core, uint32_t index, const struct input *input);
void cancel_removed(struct core *core, uint32_t index, const struct input *input);
void cancel_fetched(struct core *core, uint32_t index, const struct input *input);
void cancel_answered(struct core *core, uint32_t index, enum end end); /* a result of its request is stored */
void cancel_overdue(struct core *core, uint32_t index);
void cancel_heard(struct core *core, const struct input *input);
/* The stored result that a running delivery was told to look for. */
void delivery_cancel_fetched(struct core *core, uint32_t index, const struct input *input);

/* delivery.c: a message in hand, up to its execution */
void delivery_arrived(struct core *core, const struct input *input);
/* The time that a request has which asked for that much (0: for none). */
uint64_t delivery_budget_ns(const struct core *core, uint64_t asked_ns);
/* Ends one whose time was over before it ran: for want of an instance, if the language of `owner` has none. */
void delivery_expired(struct core *core, uint32_t index, uint32_t owner);
void delivery_become(struct core *core, uint32_t index, enum delivery_state next);
void delivery_issue(struct core *core, uint32_t index);      /* sends the request that the present state waits for */
void delivery_read_first(struct core *core, uint32_t index); /* if it is to write to the ledger */
void delivery_ask_again(struct core *core, uint32_t index);  /* the same, where the answer to the last one stayed out */
/* Emits an effect about its message as the operation that it waits for from now on. */
struct effect *delivery_ask(struct core *core, uint32_t index, enum effect_kind kind);
void delivery_timer(struct core *core, uint32_t index);
void delivery_arm(struct core *core, uint32_t index);
/* How long it may run now: its function's timeout, or less if its own time is over before. */
uint64_t delivery_time_left(struct core *core, uint32_t index);
void delivery_started(struct core *core, uint32_t index); /* its time-out runs from now on */
void delivery_executed(struct core *core, uint32_t index, uint32_t worker, uint16_t stream);
void delivery_wait(struct core *core, uint32_t index);
void delivery_requeue(struct core *core, uint32_t index);
bool delivery_token_current(const struct core *core, const struct delivery *delivery);
void delivery_hand_back(struct core *core, uint32_t index, enum cause cause, uint64_t delay_ns);
void delivery_free(struct core *core, uint32_t index);
struct node_place delivery_node(const struct core *core);

/* settle.c: from the end of an execution to the ack */
void delivery_ended(struct core *core, uint32_t index, enum end end, enum reason reason, struct blob *result);
/* The same for one that did not run, or whose failure is not charged, by its cause. */
void delivery_given_up(struct core *core, uint32_t index, enum end end, enum reason reason, enum cause cause);
/* What the function did is charged; `after_ns`: the delay that it asked for. */
void delivery_failed(struct core *core, uint32_t index, enum cause cause, uint64_t after_ns, struct blob *error);
void delivery_published(struct core *core, uint32_t index, const struct input *input);
void delivery_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob);
void delivery_go(struct core *core, uint32_t index, enum delivery_state next); /* and asks what that waits for */
/* Asks the same again after a while, or goes on waiting for the next link. */
void delivery_ask_later(struct core *core, uint32_t index, uint64_t delay_ns);
bool delivery_answers_now(const struct core *core, const struct delivery *delivery, const struct input *input);
void delivery_charged(struct core *core, uint32_t index); /* the ledger has it: another try, or the end */

/* ledger.c: what outlives instances */
void delivery_ledger(struct core *core, uint32_t index, const struct input *input);
/* What is known of its record was seen on an earlier connection: nothing is written over that before it is read. */
bool ledger_unseen(const struct core *core, const struct delivery *delivery);
void ledger_put(struct core *core, uint32_t index); /* the charge, the start or the end that its state is about */
void causes_count(struct causes *causes, enum cause cause);

/* budget.c: whether a request may be tried again after a failure, and when */
bool budget_spent(struct core *core, const struct delivery *delivery);
bool budget_spent_by_charge(struct core *core, const struct delivery *delivery); /* once its cause is charged */
uint32_t budget_starts(struct core *core, const struct delivery *delivery);      /* more are POISON */
bool budget_starts_spent(struct core *core, const struct delivery *delivery);
uint64_t budget_delay_ns(struct core *core, const struct delivery *delivery, uint32_t attempts);

/* place.c: who gets a process when all places are taken */
void place_wanted(struct core *core, uint32_t index); /* for a process of that function */
/* The process has ended: the function that it was to make room for looks before others do. */
void place_given(struct core *core, const struct worker *worker);

/* suspect.c: what may have taken instances down */
bool suspect_waits(struct core *core, uint32_t index); /* it is not to run beside what is in hand */

/* concurrency.c: how much of a function runs here at once */
enum { CONCURRENCY_UNBOUNDED = UINT32_MAX };
void concurrency_begin(struct core *core, uint32_t index); /* with the version that serves now */
/* As it has adapted; CONCURRENCY_UNBOUNDED: it does not. */
uint32_t concurrency_limit(const struct core *core, const struct function *function);
void concurrency_count(struct core *core, uint32_t worker); /* what runs in it, whenever that may have changed */
void concurrency_leave(struct core *core, uint32_t worker);
/* The worker that is to run the next message; NOWHERE: none has room, or as many run as may. */
uint32_t concurrency_next_worker(struct core *core, const struct function *function);
/* One more process would be of use, if those that are there have no room. */
bool concurrency_wants_worker(const struct core *core, const struct function *function);
void concurrency_ran(struct core *core, uint32_t worker, uint32_t delivery, bool succeeded); /* before it leaves */
void concurrency_dropped(struct core *core, uint32_t delivery, enum cause cause);

/* quarantine.c: a function that kills its process again and again */
void quarantine_crashed(struct core *core, uint32_t index, struct key request, enum cause cause);
void quarantine_answered(struct core *core, uint32_t index); /* a process of it lives and says so */
void quarantine_clear(struct core *core, uint32_t index);    /* a new version, or somebody wants it so */
void quarantine_attend(struct core *core, uint32_t index);   /* lets it go when its time is over */
bool quarantine_holds(const struct function *function);
void quarantine_release(struct core *core, const struct input *input);

/* policy.c: what a function says of its failures and its load */
void function_policy(struct core *core, const struct input *input);

/* queue.c: what is known of a function's queue */
void queue_seen(struct core *core, struct function *function, const struct input *input); /* at the broker */
void queue_message(struct function *function, uint32_t size);                             /* one of its messages */
uint64_t queue_size(const struct function *function);                                     /* bytes, estimated */
bool queue_full(const struct core *core, const struct function *function);                /* the door lets none in */

/* hearing.c: what comes unasked, or ought to */
void hearing_came(struct core *core, enum heard what);
void hearing_missed(struct core *core, enum heard what); /* it was there when it was looked for */
void hearing_link_up(struct core *core);
void hearing_change(struct core *core, const struct input *input);

/* room.c: the room of the request stream */
void room_seen(struct core *core, const struct input *input);
void room_let_in(struct core *core);                    /* a request is about to be published */
void room_confirmed(struct core *core);                 /* it is in the stream, or was given up */
void room_let_go(struct core *core);                    /* a message is settled */
bool room_full(const struct core *core, uint32_t size); /* the door lets in none of that size */

/* function.c: what is deployed; pump.c: its queue, workers and credit */
void function_set(struct core *core, const struct input *input);
void function_removed(struct core *core, const struct input *input);
void function_built(struct core *core, uint32_t index, const struct input *input);
void function_probed(struct core *core, uint32_t index, bool ready, enum reason reason);
void function_start_failed(struct core *core, uint32_t index);
void function_link_down(struct core *core, uint32_t index);
void function_free(struct core *core, uint32_t index); /* one that is retired and nothing refers to */
void function_measured(struct core *core, uint32_t function, uint64_t took_ns); /* an execution */
void function_dirty(struct core *core, uint32_t index);
void function_pump(struct core *core, uint32_t index);
void function_pull_ended(struct core *core, uint32_t index, const struct input *input);
void function_in_hand(struct core *core, uint32_t index, int change);
void function_outstanding(struct core *core, uint32_t index, uint32_t outstanding);
/* Does what is due for a version that is not up yet: its probe, or another try; sets attend_ns. */
void function_attend(struct core *core, uint32_t index);
/* Its executions are so short that the way to them is the longer part. */
bool function_brief(const struct function *function);
bool pump_pull(struct core *core, uint32_t index); /* asks for what its credit allows; true: look again */
void pump_ask(struct core *core, uint32_t index, uint32_t count, uint64_t expires_ns); /* a pull */
uint32_t pump_spare(const struct core *core, const struct function *function); /* slots for pulls beyond the first */
uint32_t pump_table_room(const struct core *core);                             /* rows for messages */
void function_retire(struct core *core, uint32_t index);
void function_let_go(struct core *core, uint32_t index);  /* one of its messages is settled */
void function_came_up(struct core *core, uint32_t index); /* its consumer is there */
/* One of which there is no record; NOWHERE if the table is full. */
uint32_t function_stray(struct core *core, struct key name);

/* consumer.c: a function's consumer at the broker, and what the broker forgot */
void function_consumer_ask(struct core *core, uint32_t index);
void function_consumer_ready(struct core *core, uint32_t index, const struct input *input);
void consumer_ask_again(struct core *core, uint32_t index); /* how it stands, though it is there */
void consumer_link_down(struct function *function);
/* Looks again if it is due; returns when it is to be called next. */
uint64_t consumer_attend(struct core *core, uint32_t index);

/* watch.c: mail is queued and none comes */
void watch_moved(struct core *core, struct function *function);
/* Its consumer has nothing waiting; others have `ack_pending` messages in hand, or had. */
void watch_held(struct core *core, struct function *function, uint32_t ack_pending);
void watch_delivered(struct core *core, struct function *function);
/* Does what is due; returns when it is to be called next. */
uint64_t watch_attend(struct core *core, uint32_t index);

/* sweep.c: one instance ends what nobody else can */
void sweep_leased(struct core *core, const struct input *input);
void sweep_queue(struct core *core, const struct input *input);
void sweep_timer(struct core *core);
void sweep_arm(struct core *core);
void sweep_link_down(struct core *core);
void sweep_drain(struct core *core);
bool sweep_held(const struct core *core); /* the lease is ours for certain */
/* Its queue is to be visited: there is mail in it, and nobody takes it. */
bool sweep_wants(const struct core *core, const struct function *function);
/* Begins, goes on with or ends a visit; returns when it is to be called next. */
uint64_t sweep_visit(struct core *core, uint32_t index);
void sweep_mark(struct core *core, uint32_t index, uint64_t last); /* the last sequence of the stream as it is now */
void sweep_unmark(struct core *core, uint32_t index);              /* with its connection */
/* Why a message that a visit brought is ended, or REASON_NONE. */
enum reason sweep_verdict(struct core *core, uint32_t index, uint64_t sequence);

/* walk.c: what no consumer gives anybody */
void walk_begin(struct core *core); /* on a new connection */
void walk_arm(struct core *core);
void walk_timer(struct core *core);
void walk_told(struct core *core, const struct input *input, struct blob *blob);
void walk_freed(struct core *core); /* what was found last is checked */

/* Its requests may be asked for: a version serves, or they are to be ended. */
bool function_takes(const struct function *function);

/* route.c: shares of a function's requests that other versions answer */
void route_attach(struct core *core, uint32_t index, uint32_t owner);
void route_detach(struct core *core, uint32_t index);
/* The function or route that runs the message at `sequence`; NOWHERE if the function has no such alias. */
uint32_t route_choose(struct core *core, uint32_t owner, uint8_t alias, uint64_t sequence);
/* What it and its routes that are up have in hand: what waits for the others takes slots, but nobody's place. */
uint32_t route_in_hand(struct core *core, const struct function *function);

/* worker.c: one plugin process */
bool worker_start(struct core *core, uint32_t function, struct key version, bool probe);
void worker_execute(struct core *core, uint32_t index, uint32_t delivery);
void worker_input(struct core *core, uint32_t index, const struct input *input, struct blob *blob);
void worker_timer(struct core *core, uint32_t index);
void worker_stop(struct core *core, uint32_t index);
void worker_offer(struct core *core, uint32_t index); /* or withdraws it, if it is to get no more */
/* Its version is the one that serves: it may be given work. */
bool worker_serves(const struct worker *worker, const struct function *function);
void worker_abandon(struct core *core, uint32_t index, uint32_t delivery);
bool worker_dies(struct core *core, uint32_t index); /* it is killed, or gone, and its exit is to be dealt with */
void worker_finish(struct core *core, uint32_t index, uint32_t delivery);
struct node_place worker_node(const struct core *core);

/* link.c: the connection; instance.c: this process as others see it */
void link_up(struct core *core, const struct input *input);
void link_down(struct core *core, const struct input *input);
void link_unanswered(struct core *core); /* a question to the broker got no answer in its time */
void link_refused(struct core *core);    /* connected, but of no use yet */
void link_clock(struct core *core, const struct input *input);
void link_timer(struct core *core);
void link_sweep(struct core *core);
bool link_sweeping(const struct core *core);
/* Least age that a message stored at `stored_ns` on the broker's clock can have; 0 if the clock is not known. */
uint64_t link_age_ns(const struct core *core, int64_t stored_ns);
void instance_update(struct core *core);
void instance_drain(struct core *core, const struct input *input);
void instance_drained(struct core *core);

#endif
