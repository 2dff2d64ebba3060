/* One connection to a nats-server that speaks the protocol itself: no library's habits between a script and the broker.
 * Sending appends and writes what the socket takes; messages come by wire_next() from what was read.
 *
 * Owner: wire_close(). One thread at a time. Errors: false, and the connection is closed. */
#ifndef STEAD_CONFORM_WIRE_H
#define STEAD_CONFORM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WIRE_SUBJECT_MAX = 200 };

struct wire {
    int fd; /* -1: closed */
    char *in, *out;
    size_t in_used, in_at, in_room, out_used, out_room;
    char error[120]; /* the last -ERR; "" none */
};

struct wire_message {
    char subject[WIRE_SUBJECT_MAX], reply[WIRE_SUBJECT_MAX];
    uint32_t subscription;
    uint16_t status;  /* of a header without anything else: 100, 404, 408, 409, 503; 0 none */
    const char *body; /* until the next call */
    size_t body_size;
};

/* Connects to 127.0.0.1, says CONNECT and waits for the answer to a PING. */
bool wire_open(struct wire *wire, uint16_t port, uint32_t timeout_ms);
/* `reset`: without a farewell, as when a machine vanishes. */
void wire_close(struct wire *wire, bool reset);
bool wire_subscribe(struct wire *wire, const char *subject, uint32_t subscription);
/* `headers` is NULL or "Name: value\r\n..."; `reply` may be NULL. */
bool wire_publish(struct wire *wire, const char *subject, const char *reply, const char *headers, const char *body,
                  size_t body_size);
/* Reads and writes what is possible without waiting; false when the other end is gone. */
bool wire_turn(struct wire *wire);
/* The next message; false: none yet. */
bool wire_next(struct wire *wire, struct wire_message *ret_message);

#endif
