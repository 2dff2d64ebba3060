/* The event loop of the loop thread, with libevent hidden behind opaque types (libevent's `struct event` would clash
 * with ours, so no other file may include both).
 *
 * One turn of loop_run() is: wait, run every callback that is due, then run the turn hooks: first all LOOP_TURN_DECIDE
 * hooks, then all LOOP_TURN_FLUSH hooks. Adapters collect what they have to write during the turn and write it in
 * their flush hook: one read, many steps, one write.
 *
 * Ownership: whoever creates a watch, timer or wake frees it, before loop_free(). Every function may be called from any
 * callback, and an object may be freed in its own callback.
 * Threads: all functions belong to the thread that runs the loop, except loop_wake_signal(), which may be called
 * from any thread and from a signal handler.
 * Errors: functions that return int give 0 or -errno; their outputs are untouched on failure. */
#ifndef STEAD_ADAPTERS_LOOP_H
#define STEAD_ADAPTERS_LOOP_H

#include <stdint.h>

enum {
    LOOP_READ = 1 << 0,
    LOOP_WRITE = 1 << 1,
};

enum loop_turn { LOOP_TURN_DECIDE, LOOP_TURN_FLUSH, LOOP_TURN_COUNT };

enum { LOOP_HOOKS_PER_TURN_MAX = 8 };

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_wake;

int loop_create(struct loop **ret_loop);
void loop_free(struct loop *loop); /* NULL is fine */

/* Runs turns until loop_stop(). Returns 0, or -errno if waiting itself failed. Can be run again afterwards. */
int loop_run(struct loop *loop);
/* Runs one turn; blocks for at most `wait_ns` (0: not at all). */
int loop_run_once(struct loop *loop, uint64_t wait_ns);
/* Ends loop_run() after the turn that is running. */
void loop_stop(struct loop *loop);
/* Makes the next turn start without waiting: for work that a hook left over. */
void loop_again(struct loop *loop);
/* Makes sure that the flush hooks run before the loop waits again; costs nothing where they will run anyway. For
 * whoever collects something to write, wherever it is called from. */
void loop_flush_soon(struct loop *loop);
/* Calls `hook` at the end of every turn. -ENOSPC after LOOP_HOOKS_PER_TURN_MAX of one kind. */
int loop_turn_add(struct loop *loop, enum loop_turn turn, void (*hook)(void *owner), void *owner);
void loop_turn_remove(struct loop *loop, enum loop_turn turn, void (*hook)(void *owner), void *owner);
/* The `struct event_base *`, for evhttp alone. */
void *loop_native(struct loop *loop);
/* CLOCK_MONOTONIC, read at each call. */
uint64_t loop_now_ns(void);

/* Watches `fd`, which stays the caller's and must stay open until the watch is freed. `ready` gets LOOP_READ and/or
 * LOOP_WRITE, level-triggered; a hang-up shows as LOOP_READ. `want` may be 0. */
int loop_watch_create(struct loop *loop, int fd, unsigned want, void (*ready)(void *owner, unsigned ready), void *owner,
                      struct loop_watch **ret_watch);
void loop_watch_want(struct loop_watch *watch, unsigned want);
void loop_watch_free(struct loop_watch *watch);

/* One-shot timers; arming again moves the deadline. Resolution: 1 ms, never early. */
int loop_timer_create(struct loop *loop, void (*due)(void *owner), void *owner, struct loop_timer **ret_timer);
void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_disarm(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer);

/* Lets other threads wake the loop: any number of signals before the loop looks are one call of `woken`. */
int loop_wake_create(struct loop *loop, void (*woken)(void *owner), void *owner, struct loop_wake **ret_wake);
void loop_wake_signal(struct loop_wake *wake);
void loop_wake_free(struct loop_wake *wake);

#endif
