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
void call_look_later(struct core *core, uint32_t index); /* ever more slowly */
bool call_answers_now(struct core *core, uint32_t index, const struct input *input);
/* Answers without a result, and frees the row. */
void call_end(struct core *core, uint32_t index, enum end end, enum reason reason);
void call_timer(struct core *core, uint32_t index);
void call_link_up(struct core *core, uint32_t index);
void calls_drain(struct core *core); /* ends those that only read, a few per step */
/* Answers every call that waits for `request`. The blob is only borrowed. */
void calls_answer(struct core *core, struct key request, uint64_t digest, enum end end, enum reason reason,
                  uint32_t attempts, struct blob blob);

/* door.c: which calls are taken */
bool call_publishes(uint32_t kind); /* enum call_kind */
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
void delivery_become(struct core *core, uint32_t index, enum delivery_state next);
void delivery_issue(struct core *core, uint32_t index); /* sends the request that the present state waits for */
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
void delivery_hand_back(struct core *core, uint32_t index, uint64_t delay_ns);
void delivery_free(struct core *core, uint32_t index);
struct node_place delivery_node(const struct core *core);

/* settle.c: from the end of an execution to the ack */
void delivery_ended(struct core *core, uint32_t index, enum end end, enum reason reason, struct blob *result);
void delivery_failed(struct core *core, uint32_t index, enum reason reason, enum error_class class, uint64_t after_ns,
                     struct blob *error);
void delivery_published(struct core *core, uint32_t index, const struct input *input);
void delivery_fetched(struct core *core, uint32_t index, const struct input *input, struct blob *blob);
void delivery_ledger(struct core *core, uint32_t index, const struct input *input);

/* function.c: what is deployed; pump.c: its queue, workers and credit */
void function_set(struct core *core, const struct input *input);
void function_removed(struct core *core, const struct input *input);
void function_built(struct core *core, uint32_t index, const struct input *input);
void function_consumer_ready(struct core *core, uint32_t index, const struct input *input);
void function_probed(struct core *core, uint32_t index, bool ready, enum reason reason);
void function_start_failed(struct core *core, uint32_t index);
void function_link_down(struct core *core, uint32_t index);
void function_timer(struct core *core, uint32_t index);
void function_dirty(struct core *core, uint32_t index);
void function_pump(struct core *core, uint32_t index);
void function_pull_ended(struct core *core, uint32_t index, const struct input *input);
void function_in_hand(struct core *core, uint32_t index, int change);
void function_outstanding(struct core *core, uint32_t index, uint32_t outstanding);
/* Does what is due for a version that is not up yet: its probe, or another try; sets attend_ns. */
void function_attend(struct core *core, uint32_t index);
/* Its executions are so short that the way to them is the longer part. */
bool function_brief(const struct function *function);
void pump_evict(struct core *core);
void function_consumer_ask(struct core *core, uint32_t index);

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
void worker_finish(struct core *core, uint32_t index, uint32_t delivery);
struct node_place worker_node(const struct core *core);

/* link.c: the connection; instance.c: this process as others see it */
void link_up(struct core *core, const struct input *input);
void link_down(struct core *core, const struct input *input);
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
