/* A nats-server for a test: started on a free port of 127.0.0.1 with a temporary store, stopped by its pid. */
#ifndef STEAD_TESTS_INTEGRATION_NATS_SERVER_H
#define STEAD_TESTS_INTEGRATION_NATS_SERVER_H

#include <stdint.h>
#include <sys/types.h>

#include "adapters/nats/broker.h"
#include "adapters/nats/dev_server.h"

struct server {
    char directory[64];
    struct dev_server dev;
    pid_t pid; /* 0: not running */
    uint16_t port;
    char url[DEV_SERVER_URL_BYTES];
};

/* Makes the store and picks a port, without starting. Ends the program with 77 if nats-server is not installed. */
void server_prepare(struct server *server);
/* Starts it (again, on the same port and store) and waits until it is ready. Ends the program if it is not. */
void server_start(struct server *server);
void server_signal(struct server *server, int signal); /* and waits for its end */
/* Stops it and removes the store. */
void server_remove(struct server *server);

struct broker *server_broker(const struct server *server);
/* Provisions languages c and python with small limits; fails the test if that fails. */
void server_provision(struct broker *broker);
extern const struct broker_provision server_provision_options;

#endif
