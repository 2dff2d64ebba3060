/* Real brokers for scripts: one nats-server, or three in a cluster, on free ports of 127.0.0.1, with their stores in a
 * temporary folder. Started by the spawner, ended by their ids.
 *
 * sites_begin() must be called before any thread exists (it forks). All functions by one thread. */
#ifndef STEAD_CONFORM_SITE_H
#define STEAD_CONFORM_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SITE_NODES_MAX = 3, SITE_PATH_MAX = 256 };

struct sites;
struct site;

/* NULL with a line on stderr if that is not possible. */
struct sites *sites_begin(void);
void sites_end(struct sites *sites); /* every server that is left ends with it; NULL is fine */

/* What `program --version` says: "2.9.10". False if it can't be run. */
bool site_version(struct sites *sites, const char *program, char *ret_version, size_t size);
/* Starts `nodes` servers (1 or 3) of that program and waits until they take streams. NULL, with why. */
struct site *site_start(struct sites *sites, const char *program, uint32_t nodes, char *ret_why, size_t size);
void site_end(struct site *site); /* NULL is fine */
uint32_t site_nodes(const struct site *site);
uint16_t site_port(const struct site *site, uint32_t node);
/* Ends a node by that signal and waits for it. */
bool site_stop(struct site *site, uint32_t node, int signal);
/* Starts it again, with its store, on its port, and waits until it answers. */
bool site_resume(struct site *site, uint32_t node);
/* SIGSTOP, SIGCONT. */
void site_signal(struct site *site, uint32_t node, int signal);
/* The node of that server name; `nodes` if there is none. */
uint32_t site_node_named(const struct site *site, const char *name);

#endif
