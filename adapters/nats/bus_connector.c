/* The thread sleeps until an attempt is wanted and due, makes it, and leaves the result for the loop.
 *
 * nats.c reports permission violations and the like on a thread of its own, possibly after the connection was given up.
 * They go to a small box that is shared by reference count: by the connector and by each connection until its closed
 * callback, which is the last that the library calls for it. */
#include "adapters/nats/bus_connector.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapters/loop/loop.h"
#include "adapters/nats/endpoint_options.h"

enum { IO_BUFFER_BYTES = 256 << 10 };

struct trouble {
    pthread_mutex_t lock;
    uint32_t references;
    struct loop_wake *wake; /* NULL once nobody listens */
    uint32_t more;
    char text[CONNECTOR_TEXT_BYTES];
};

struct connector {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct loop_wake *wake;
    struct trouble *trouble;
    struct endpoint endpoint;
    struct connector_hooks hooks;
    void *owner;
    uint32_t timeout_ms;
    uint64_t due_ns;
    bool wanted, running, finished, stopping;
    int socket;
    struct connector_result result;
};

static void trouble_release(struct trouble *trouble)
{
    pthread_mutex_lock(&trouble->lock);
    bool last = --trouble->references == 0;
    pthread_mutex_unlock(&trouble->lock);
    if (last) {
        pthread_mutex_destroy(&trouble->lock);
        free(trouble);
    }
}

static void trouble_retain(struct trouble *trouble)
{
    pthread_mutex_lock(&trouble->lock);
    trouble->references++;
    pthread_mutex_unlock(&trouble->lock);
}

/* On the library's callback thread. */
static void on_error(natsConnection *connection, natsSubscription *subscription, natsStatus status, void *closure)
{
    struct trouble *trouble = closure;
    const char *text = nats_GetLastError(NULL);
    pthread_mutex_lock(&trouble->lock);
    if (trouble->text[0] != '\0') {
        trouble->more++;
    } else {
        snprintf(trouble->text, sizeof trouble->text, "%s",
                 text != NULL && *text != '\0' ? text : natsStatus_GetText(status));
    }
    if (trouble->wake != NULL) {
        loop_wake_signal(trouble->wake);
    }
    pthread_mutex_unlock(&trouble->lock);
}

static void on_closed(natsConnection *connection, void *closure)
{
    trouble_release(closure);
}

static natsStatus on_attach(void **ret_data, void *loop, natsConnection *connection, natsSock socket)
{
    struct connector *connector = loop;
    connector->socket = (int)socket;
    *ret_data = connector->owner;
    return NATS_OK;
}

static natsStatus connector_options(struct connector *connector, natsOptions **ret_options)
{
    natsOptions *options = NULL;
    natsStatus status = endpoint_options(&connector->endpoint, &options);
    if (status == NATS_OK) {
        status = natsOptions_SetEventLoop(options, connector, on_attach, connector->hooks.read, connector->hooks.write,
                                          connector->hooks.detach);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetPingInterval(options, 0); /* its timer would close the socket from another thread */
    }
    if (status == NATS_OK) {
        status = natsOptions_SetTimeout(options, connector->timeout_ms);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetIOBufSize(options, IO_BUFFER_BYTES);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetErrorHandler(options, on_error, connector->trouble);
    }
    if (status == NATS_OK) {
        status = natsOptions_SetClosedCB(options, on_closed, connector->trouble);
    }
    if (status != NATS_OK) {
        natsOptions_Destroy(options);
        return status;
    }
    *ret_options = options;
    return NATS_OK;
}

static struct connector_result connector_attempt(struct connector *connector)
{
    struct connector_result result = { .socket = -1 };
    natsOptions *options = NULL;
    natsStatus status = connector_options(connector, &options);
    if (status == NATS_OK) {
        trouble_retain(connector->trouble);
        status = natsConnection_Connect(&result.connection, options);
        if (status != NATS_OK) {
            trouble_release(connector->trouble); /* a connection that never was has no closed callback */
        }
        natsOptions_Destroy(options);
    }
    if (status != NATS_OK) {
        const char *text = nats_GetLastError(NULL);
        snprintf(result.reason, sizeof result.reason, "%s",
                 text != NULL && *text != '\0' ? text : natsStatus_GetText(status));
        result.connection = NULL;
        return result;
    }
    result.socket = connector->socket;
    return result;
}

/* With the lock: waits until an attempt is due; false to end the thread. */
static bool connector_wait(struct connector *connector)
{
    while (!connector->stopping) {
        uint64_t now_ns = loop_now_ns();
        if (connector->wanted && now_ns >= connector->due_ns) {
            return true;
        }
        if (!connector->wanted) {
            pthread_cond_wait(&connector->changed, &connector->lock);
            continue;
        }
        struct timespec due = { .tv_sec = (time_t)(connector->due_ns / 1000000000),
                                .tv_nsec = (long)(connector->due_ns % 1000000000) };
        pthread_cond_timedwait(&connector->changed, &connector->lock, &due);
    }
    return false;
}

static void *connector_main(void *argument)
{
    struct connector *connector = argument;
    pthread_mutex_lock(&connector->lock);
    while (connector_wait(connector)) {
        connector->wanted = false;
        connector->running = true;
        pthread_mutex_unlock(&connector->lock);
        struct connector_result result = connector_attempt(connector);
        pthread_mutex_lock(&connector->lock);
        connector->result = result;
        connector->running = false;
        connector->finished = true;
        loop_wake_signal(connector->wake);
    }
    pthread_mutex_unlock(&connector->lock);
    nats_ReleaseThreadMemory();
    return NULL;
}

void connector_want(struct connector *connector, uint64_t delay_ns)
{
    uint64_t due_ns = loop_now_ns() + delay_ns;
    pthread_mutex_lock(&connector->lock);
    if (!connector->running && !connector->finished && (!connector->wanted || due_ns < connector->due_ns)) {
        connector->wanted = true;
        connector->due_ns = due_ns;
        pthread_cond_signal(&connector->changed);
    }
    pthread_mutex_unlock(&connector->lock);
}

bool connector_take(struct connector *connector, struct connector_result *ret_result)
{
    pthread_mutex_lock(&connector->lock);
    bool finished = connector->finished;
    if (finished) {
        *ret_result = connector->result;
        connector->finished = false;
    }
    pthread_mutex_unlock(&connector->lock);
    return finished;
}

bool connector_trouble(struct connector *connector, char ret_text[CONNECTOR_TEXT_BYTES])
{
    struct trouble *trouble = connector->trouble;
    pthread_mutex_lock(&trouble->lock);
    bool some = trouble->text[0] != '\0';
    if (some && trouble->more > 0) {
        snprintf(ret_text, CONNECTOR_TEXT_BYTES, "%.200s (and %u more)", trouble->text, trouble->more);
    } else if (some) {
        memcpy(ret_text, trouble->text, CONNECTOR_TEXT_BYTES);
    }
    trouble->text[0] = '\0';
    trouble->more = 0;
    pthread_mutex_unlock(&trouble->lock);
    return some;
}

static void connector_free(struct connector *connector)
{
    if (connector->trouble != NULL) {
        pthread_mutex_lock(&connector->trouble->lock);
        connector->trouble->wake = NULL;
        pthread_mutex_unlock(&connector->trouble->lock);
        trouble_release(connector->trouble);
    }
    if (connector->wake != NULL) {
        loop_wake_free(connector->wake);
    }
    endpoint_free(&connector->endpoint);
    pthread_cond_destroy(&connector->changed);
    pthread_mutex_destroy(&connector->lock);
    free(connector);
}

static bool connector_set_up(struct connector *connector, struct loop *loop, const struct endpoint *endpoint,
                             void (*woken)(void *owner), void *owner)
{
    connector->trouble = calloc(1, sizeof *connector->trouble);
    if (connector->trouble == NULL) {
        return false;
    }
    pthread_mutex_init(&connector->trouble->lock, NULL);
    connector->trouble->references = 1;
    if (!endpoint_copy(endpoint, &connector->endpoint) || loop_wake_create(loop, woken, owner, &connector->wake) != 0) {
        return false;
    }
    connector->trouble->wake = connector->wake;
    return true;
}

struct connector *connector_create(struct loop *loop, const struct endpoint *endpoint, uint32_t timeout_ms,
                                   const struct connector_hooks *hooks, void (*woken)(void *owner), void *owner)
{
    struct connector *connector = calloc(1, sizeof *connector);
    if (connector == NULL) {
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&connector->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&connector->lock, NULL);
    connector->hooks = *hooks;
    connector->owner = owner;
    connector->timeout_ms = timeout_ms;
    if (!connector_set_up(connector, loop, endpoint, woken, owner) ||
        pthread_create(&connector->thread, NULL, connector_main, connector) != 0) {
        connector_free(connector);
        return NULL;
    }
    pthread_setname_np(connector->thread, "stead-connect");
    return connector;
}

void connector_destroy(struct connector *connector)
{
    struct connector_result result;
    pthread_mutex_lock(&connector->lock);
    connector->stopping = true;
    pthread_cond_signal(&connector->changed);
    pthread_mutex_unlock(&connector->lock);
    pthread_join(connector->thread, NULL);
    if (connector_take(connector, &result) && result.connection != NULL) {
        natsConnection_Destroy(result.connection);
    }
    connector_free(connector);
}
