/* The loop over libevent: each watch, timer and wake is one libevent event and a callback. A turn is one
 * event_base_loop(EVLOOP_ONCE), then the hooks; libevent 2.1 has no hooks of its own before it waits. An internal
 * timer bounds the wait of loop_run_once(). Freeing an object inside its own callback is safe, because nothing of the
 * object is touched after the callback returns. */
#include "adapters/loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct loop_hook {
    void (*call)(void *owner);
    void *owner;
};

struct loop {
    struct event_base *base;
    struct event *wait_limit;
    struct loop_hook hooks[LOOP_TURN_COUNT][LOOP_HOOKS_PER_TURN_MAX];
    bool stopping;
    bool again;
    bool flush_ahead; /* the flush hooks of this turn have not begun */
};

struct loop_watch {
    struct loop *loop;
    struct event *event;
    int fd;
    unsigned want;
    void (*ready)(void *owner, unsigned ready);
    void *owner;
};

struct loop_timer {
    struct event *event;
    void (*due)(void *owner);
    void *owner;
};

struct loop_wake {
    struct event *event;
    int fd;
    void (*woken)(void *owner);
    void *owner;
};

static struct timeval timeval_of_ns(uint64_t delay_ns)
{
    /* Rounded up, so that a timer never fires early; libevent rounds up to a millisecond again. */
    uint64_t delay_us = delay_ns / 1000 + (delay_ns % 1000 != 0);
    return (struct timeval){ .tv_sec = (time_t)(delay_us / 1000000), .tv_usec = (suseconds_t)(delay_us % 1000000) };
}

uint64_t loop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void loop_wait_limit_due(evutil_socket_t fd, short what, void *context)
{
    /* Nothing to do: waking up was the purpose. */
}

int loop_create(struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return -ENOMEM;
    }
    loop->base = event_base_new();
    loop->wait_limit = loop->base == NULL ? NULL : evtimer_new(loop->base, loop_wait_limit_due, loop);
    if (loop->wait_limit == NULL) {
        loop_free(loop);
        return -ENOMEM;
    }
    *ret_loop = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    if (loop->wait_limit != NULL) {
        event_free(loop->wait_limit);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    free(loop);
}

static void loop_run_hooks(struct loop *loop)
{
    for (int turn = 0; turn < LOOP_TURN_COUNT; turn++) {
        loop->flush_ahead = turn < LOOP_TURN_FLUSH;
        for (int i = 0; i < LOOP_HOOKS_PER_TURN_MAX; i++) {
            struct loop_hook hook = loop->hooks[turn][i];
            if (hook.call != NULL) {
                hook.call(hook.owner);
            }
        }
    }
}

static int loop_turn(struct loop *loop, bool wait)
{
    int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
    if (!wait || loop->again) {
        flags |= EVLOOP_NONBLOCK;
    }
    loop->again = false;
    loop->flush_ahead = true;
    if (event_base_loop(loop->base, flags) < 0) {
        return errno != 0 ? -errno : -EIO;
    }
    loop_run_hooks(loop);
    return 0;
}

int loop_run(struct loop *loop)
{
    loop->stopping = false;
    int result = 0;
    while (!loop->stopping && result == 0) {
        result = loop_turn(loop, true);
    }
    return result;
}

int loop_run_once(struct loop *loop, uint64_t wait_ns)
{
    if (wait_ns == 0) {
        return loop_turn(loop, false);
    }
    struct timeval limit = timeval_of_ns(wait_ns);
    evtimer_add(loop->wait_limit, &limit);
    int result = loop_turn(loop, true);
    evtimer_del(loop->wait_limit);
    return result;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_again(struct loop *loop)
{
    loop->again = true;
}

void loop_flush_soon(struct loop *loop)
{
    if (!loop->flush_ahead) {
        loop->again = true;
    }
}

int loop_turn_add(struct loop *loop, enum loop_turn turn, void (*hook)(void *owner), void *owner)
{
    for (int i = 0; i < LOOP_HOOKS_PER_TURN_MAX; i++) {
        if (loop->hooks[turn][i].call == NULL) {
            loop->hooks[turn][i] = (struct loop_hook){ hook, owner };
            return 0;
        }
    }
    return -ENOSPC;
}

void loop_turn_remove(struct loop *loop, enum loop_turn turn, void (*hook)(void *owner), void *owner)
{
    for (int i = 0; i < LOOP_HOOKS_PER_TURN_MAX; i++) {
        if (loop->hooks[turn][i].call == hook && loop->hooks[turn][i].owner == owner) {
            loop->hooks[turn][i] = (struct loop_hook){ NULL, NULL };
            return;
        }
    }
}

void *loop_native(struct loop *loop)
{
    return loop->base;
}

static void loop_watch_ready(evutil_socket_t fd, short what, void *context)
{
    struct loop_watch *watch = context;
    unsigned ready = ((what & EV_READ) ? LOOP_READ : 0u) | ((what & EV_WRITE) ? LOOP_WRITE : 0u);
    watch->ready(watch->owner, ready);
}

int loop_watch_create(struct loop *loop, int fd, unsigned want, void (*ready)(void *owner, unsigned ready), void *owner,
                      struct loop_watch **ret_watch)
{
    struct loop_watch *watch = calloc(1, sizeof *watch);
    struct event *event = event_new(loop->base, fd, EV_PERSIST, loop_watch_ready, watch);
    if (watch == NULL || event == NULL) {
        if (event != NULL) {
            event_free(event);
        }
        free(watch);
        return -ENOMEM;
    }
    *watch = (struct loop_watch){ .loop = loop, .event = event, .fd = fd, .ready = ready, .owner = owner };
    loop_watch_want(watch, want);
    *ret_watch = watch;
    return 0;
}

void loop_watch_want(struct loop_watch *watch, unsigned want)
{
    if (watch->want == want) {
        return;
    }
    watch->want = want;
    event_del(watch->event);
    if (want == 0) {
        return;
    }
    short what = (short)(EV_PERSIST | ((want & LOOP_READ) ? EV_READ : 0) | ((want & LOOP_WRITE) ? EV_WRITE : 0));
    event_assign(watch->event, watch->loop->base, watch->fd, what, loop_watch_ready, watch);
    event_add(watch->event, NULL);
}

void loop_watch_free(struct loop_watch *watch)
{
    if (watch != NULL) {
        event_free(watch->event);
        free(watch);
    }
}

static void loop_timer_due(evutil_socket_t fd, short what, void *context)
{
    struct loop_timer *timer = context;
    timer->due(timer->owner);
}

int loop_timer_create(struct loop *loop, void (*due)(void *owner), void *owner, struct loop_timer **ret_timer)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    struct event *event = evtimer_new(loop->base, loop_timer_due, timer);
    if (timer == NULL || event == NULL) {
        if (event != NULL) {
            event_free(event);
        }
        free(timer);
        return -ENOMEM;
    }
    *timer = (struct loop_timer){ .event = event, .due = due, .owner = owner };
    *ret_timer = timer;
    return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns)
{
    struct timeval delay = timeval_of_ns(delay_ns);
    evtimer_add(timer->event, &delay);
}

void loop_timer_disarm(struct loop_timer *timer)
{
    evtimer_del(timer->event);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL) {
        event_free(timer->event);
        free(timer);
    }
}

static void loop_wake_ready(evutil_socket_t fd, short what, void *context)
{
    struct loop_wake *wake = context;
    uint64_t count;
    if (read(wake->fd, &count, sizeof count) == (ssize_t)sizeof count) {
        wake->woken(wake->owner);
    }
}

int loop_wake_create(struct loop *loop, void (*woken)(void *owner), void *owner, struct loop_wake **ret_wake)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    struct loop_wake *wake = calloc(1, sizeof *wake);
    struct event *event = event_new(loop->base, fd, EV_READ | EV_PERSIST, loop_wake_ready, wake);
    if (wake == NULL || event == NULL) {
        if (event != NULL) {
            event_free(event);
        }
        free(wake);
        close(fd);
        return -ENOMEM;
    }
    *wake = (struct loop_wake){ .event = event, .fd = fd, .woken = woken, .owner = owner };
    event_add(event, NULL);
    *ret_wake = wake;
    return 0;
}

void loop_wake_signal(struct loop_wake *wake)
{
    int saved_errno = errno;
    uint64_t one = 1;
    /* A full counter (EAGAIN) means that the loop is awake already. */
    ssize_t written = write(wake->fd, &one, sizeof one);
    (void)written;
    errno = saved_errno;
}

void loop_wake_free(struct loop_wake *wake)
{
    if (wake != NULL) {
        event_free(wake->event);
        close(wake->fd);
        free(wake);
    }
}
