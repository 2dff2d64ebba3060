/* Two rings under one lock: jobs waiting, and jobs ended whose end the loop has not reported yet. A job moves from the
 * first to the second when it ran; the loop is woken once and takes all ends at a time. Since both rings together
 * never hold more than CONTROL_JOBS_MAX jobs, taking one in is the only place that can be full. */
#include "adapters/nats/control.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "adapters/loop/loop.h"

struct job {
    control_run *run;
    control_done *done;
    void *argument;
};

struct queue {
    struct job jobs[CONTROL_JOBS_MAX];
    uint32_t first;
    uint32_t count;
};

struct control {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct loop_wake *wake;
    struct queue waiting, ended;
    uint32_t owed; /* loop thread only: submitted, not yet reported */
    atomic_bool stopping;
};

static void queue_push(struct queue *queue, struct job job)
{
    assert(queue->count < CONTROL_JOBS_MAX);
    queue->jobs[(queue->first + queue->count) % CONTROL_JOBS_MAX] = job;
    queue->count++;
}

static bool queue_pop(struct queue *queue, struct job *ret_job)
{
    if (queue->count == 0) {
        return false;
    }
    *ret_job = queue->jobs[queue->first];
    queue->first = (queue->first + 1) % CONTROL_JOBS_MAX;
    queue->count--;
    return true;
}

static bool control_take(struct control *control, struct job *ret_job)
{
    pthread_mutex_lock(&control->lock);
    while (control->waiting.count == 0 && !control->stopping) {
        pthread_cond_wait(&control->changed, &control->lock);
    }
    bool taken = !control->stopping && queue_pop(&control->waiting, ret_job);
    pthread_mutex_unlock(&control->lock);
    return taken;
}

static void *control_main(void *argument)
{
    struct control *control = argument;
    struct job job;
    while (control_take(control, &job)) {
        job.run(job.argument);
        pthread_mutex_lock(&control->lock);
        queue_push(&control->ended, job);
        pthread_mutex_unlock(&control->lock);
        loop_wake_signal(control->wake);
    }
    return NULL;
}

static void control_report(struct control *control, struct queue *queue, bool cancelled)
{
    for (;;) {
        struct job job;
        pthread_mutex_lock(&control->lock);
        bool some = queue_pop(queue, &job);
        pthread_mutex_unlock(&control->lock);
        if (!some) {
            return;
        }
        assert(control->owed > 0);
        control->owed--;
        if (job.done != NULL) {
            job.done(job.argument, cancelled);
        }
    }
}

static void on_woken(void *owner)
{
    struct control *control = owner;
    control_report(control, &control->ended, false);
}

static void control_free(struct control *control)
{
    pthread_cond_destroy(&control->changed);
    pthread_mutex_destroy(&control->lock);
    free(control);
}

struct control *control_start(struct loop *loop, const char *thread_name)
{
    struct control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        return NULL;
    }
    pthread_mutex_init(&control->lock, NULL);
    pthread_cond_init(&control->changed, NULL);
    int failed = -loop_wake_create(loop, on_woken, control, &control->wake);
    if (failed != 0) {
        control_free(control);
        errno = failed;
        return NULL;
    }
    failed = pthread_create(&control->thread, NULL, control_main, control);
    if (failed != 0) {
        loop_wake_free(control->wake);
        control_free(control);
        errno = failed;
        return NULL;
    }
    pthread_setname_np(control->thread, thread_name);
    return control;
}

bool control_submit(struct control *control, control_run *run, control_done *done, void *argument)
{
    if (control == NULL || control->owed == CONTROL_JOBS_MAX || control->stopping) {
        return false;
    }
    control->owed++;
    pthread_mutex_lock(&control->lock);
    queue_push(&control->waiting, (struct job){ run, done, argument });
    pthread_cond_signal(&control->changed);
    pthread_mutex_unlock(&control->lock);
    return true;
}

uint32_t control_pending(const struct control *control)
{
    return control->owed;
}

void control_stop(struct control *control)
{
    if (control == NULL) {
        return;
    }
    pthread_mutex_lock(&control->lock);
    control->stopping = true;
    pthread_cond_signal(&control->changed);
    pthread_mutex_unlock(&control->lock);
    pthread_join(control->thread, NULL);
    control_report(control, &control->ended, false);
    control_report(control, &control->waiting, true);
    assert(control->owed == 0);
    loop_wake_free(control->wake);
    control_free(control);
}
