/* Configurations are files in the site's folder; the servers log there too. A site is ready when it makes a stream with
 * as many replicas as it has nodes: a cluster answers before it can do that. */
#include "conform/site.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "adapters/loop/loop.h"
#include "adapters/spawner/spawner.h"
#include "conform/wire.h"

#define MEMORY_BYTES  (UINT64_C(1) << 30)
#define FOLDER_PREFIX "stead-conform-"

enum { CHILDREN_MAX = 64, READY_MS = 30000, STOP_MS = 20000 };

struct sites {
    struct spawner *spawner;
    struct loop *loop;
    bool running[CHILDREN_MAX], used[CHILDREN_MAX];
    bool gone;
};

struct node {
    uint32_t id; /* of the child; its place in `running` */
    uint16_t port, cluster_port;
};

struct site {
    struct sites *sites;
    char program[SITE_PATH_MAX], directory[SITE_PATH_MAX];
    uint32_t node_count;
    struct node nodes[SITE_NODES_MAX];
};

/* -- folders -- */

/* In memory if there is room: a cluster syncs a log for each of its streams and consumers, and where that waits for a
 * disk it plays a fifth as many scripts, late. A kill loses as much of either: nothing that was written. */
static const char *scratch_folder(void)
{
    const char *temporary = getenv("TMPDIR"), *memory = "/dev/shm";
    struct statvfs space;
    if (temporary != NULL && temporary[0] != 0) {
        return temporary;
    }
    bool room = access(memory, W_OK | X_OK) == 0 && statvfs(memory, &space) == 0 &&
                (uint64_t)space.f_bavail * space.f_frsize >= MEMORY_BYTES;
    return room ? memory : "/tmp";
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    (void)what;
    (void)kind;
    (void)where;
    (void)remove(path);
    return 0;
}

static int is_folder_of_ours(const struct dirent *entry)
{
    return strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) == 0;
}

/* Those of processes that were killed: their files are memory. */
static void folders_sweep(void)
{
    struct dirent **entries = NULL;
    const char *folder = scratch_folder();
    int count = scandir(folder, &entries, is_folder_of_ours, alphasort);
    for (int at = 0; at < count; at++) {
        char path[SITE_PATH_MAX];
        long owner = strtol(entries[at]->d_name + strlen(FOLDER_PREFIX), NULL, 10);
        (void)snprintf(path, sizeof(path), "%.100s/%.100s", folder, entries[at]->d_name);
        if (owner > 0 && kill((pid_t)owner, 0) != 0 && errno == ESRCH) {
            (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        }
        free(entries[at]);
    }
    free(entries);
}

/* -- processes -- */

static void on_event(void *owner, const struct spawner_event *event)
{
    struct sites *sites = owner;
    if (event->kind == SPAWNER_GONE) {
        sites->gone = true;
        memset(sites->running, 0, sizeof(sites->running));
    } else if (event->kind == SPAWNER_STARTED) {
        (void)close(event->channel_fd);
        (void)close(event->stdout_fd);
        (void)close(event->stderr_fd);
    } else if (event->id < CHILDREN_MAX) {
        sites->running[event->id] = false;
    }
}

struct sites *sites_begin(void)
{
    folders_sweep();
    struct sites *sites = calloc(1, sizeof(*sites));
    struct spawner_options options = { .scratch_directory = NULL };
    if (sites == NULL || spawner_start(&options, &sites->spawner) != 0 || loop_create(&sites->loop) != 0 ||
        spawner_attach(sites->spawner, sites->loop, on_event, sites) != 0) {
        fputs("stead sim conform: cannot start processes here\n", stderr);
        sites_end(sites);
        return NULL;
    }
    return sites;
}

void sites_end(struct sites *sites)
{
    if (sites == NULL) {
        return;
    }
    if (sites->loop != NULL && sites->spawner != NULL) {
        spawner_detach(sites->spawner);
    }
    spawner_stop(sites->spawner);
    if (sites->loop != NULL) {
        loop_free(sites->loop);
    }
    free(sites);
}

bool site_version(struct sites *sites, const char *program, char *ret_version, size_t size)
{
    const char *const arguments[] = { program, "--version", NULL };
    struct spawner_program run = { .argv = arguments, .directory = "/" };
    struct spawner_run_options options = { .time_limit_ms = STOP_MS, .output_bytes_max = 200 };
    struct spawner_run_result result;
    if (spawner_run(sites->spawner, &run, &options, &result) != 0) {
        return false;
    }
    const char *number = strchr(result.output, 'v'); /* "nats-server: v2.9.10" */
    while (number != NULL && (number[1] < '0' || number[1] > '9')) {
        number = strchr(number + 1, 'v');
    }
    if (number != NULL) {
        (void)snprintf(ret_version, size, "%.*s", (int)strcspn(number + 1, " \n"), number + 1);
    }
    free(result.output);
    return number != NULL;
}

/* -- nodes -- */

/* A port that is free now. */
static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    uint16_t port = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &size) == 0) {
        port = ntohs(at.sin_port);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return port;
}

static bool configuration_write(const struct site *site, uint32_t node)
{
    char path[SITE_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/n%" PRIu32 ".conf", site->directory, node);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return false;
    }
    fprintf(file, "server_name: n%" PRIu32 "\nlisten: \"127.0.0.1:%u\"\nlog_file: \"%s/n%" PRIu32 ".log\"\n", node,
            site->nodes[node].port, site->directory, node);
    fprintf(file, "jetstream { store_dir: \"%s/n%" PRIu32 "\" }\n", site->directory, node);
    if (site->node_count > 1) {
        fprintf(file, "cluster { name: conform, listen: \"127.0.0.1:%u\", routes: [", site->nodes[node].cluster_port);
        for (uint32_t at = 0; at < site->node_count; at++) {
            fprintf(file, "%s\"nats-route://127.0.0.1:%u\"", at == 0 ? "" : ", ", site->nodes[at].cluster_port);
        }
        fputs("] }\n", file);
    }
    return fclose(file) == 0;
}

static bool node_spawn(struct site *site, uint32_t node)
{
    char configuration[SITE_PATH_MAX + 32];
    struct sites *sites = site->sites;
    uint32_t id = site->nodes[node].id;
    (void)snprintf(configuration, sizeof(configuration), "%s/n%" PRIu32 ".conf", site->directory, node);
    const char *const arguments[] = { site->program, "-c", configuration, NULL };
    struct spawner_program program = {
        .argv = arguments,
        .directory = "/",
        .limits = { .file_bytes = UINT64_MAX, .files = UINT32_MAX, .processes = UINT32_MAX },
    };
    sites->running[id] = spawner_spawn(sites->spawner, id, &program) == 0;
    return sites->running[id];
}

static bool node_answers(struct site *site, uint32_t node)
{
    uint64_t until = loop_now_ns() + READY_MS * UINT64_C(1000000);
    while (site->sites->running[site->nodes[node].id] && loop_now_ns() < until) {
        struct wire wire;
        (void)loop_run_once(site->sites->loop, 2000000);
        if (wire_open(&wire, site->nodes[node].port, 1000)) {
            wire_close(&wire, false);
            return true;
        }
    }
    return false;
}

void site_signal(struct site *site, uint32_t node, int signal)
{
    spawner_kill(site->sites->spawner, site->nodes[node].id, signal);
    (void)loop_run_once(site->sites->loop, 0);
}

bool site_stop(struct site *site, uint32_t node, int signal)
{
    uint64_t until = loop_now_ns() + STOP_MS * UINT64_C(1000000);
    uint32_t id = site->nodes[node].id;
    site_signal(site, node, signal);
    while (site->sites->running[id] && loop_now_ns() < until) {
        (void)loop_run_once(site->sites->loop, 10000000);
    }
    return !site->sites->running[id];
}

bool site_resume(struct site *site, uint32_t node)
{
    return node_spawn(site, node) && node_answers(site, node);
}

/* -- the whole -- */

static bool says_ok(struct wire *wire, uint64_t until_ns)
{
    struct wire_message message;
    while (loop_now_ns() < until_ns) {
        struct pollfd wait = { .fd = wire->fd, .events = POLLIN };
        (void)poll(&wait, 1, 50);
        if (!wire_turn(wire)) {
            return false;
        }
        while (wire_next(wire, &message)) {
            if (message.subscription == 1) {
                return message.body_size > 0 && memmem(message.body, message.body_size, "\"error\"", 7) == NULL;
            }
        }
    }
    return false;
}

/* Streams with all replicas can be made. */
static bool site_takes_streams(struct site *site)
{
    char body[200];
    uint64_t until = loop_now_ns() + READY_MS * UINT64_C(1000000);
    bool good = false;
    (void)snprintf(body, sizeof(body), "{\"name\":\"probe\",\"subjects\":[\"probe\"],\"num_replicas\":%" PRIu32 "}",
                   site->node_count);
    while (!good && loop_now_ns() < until) {
        struct wire wire;
        if (wire_open(&wire, site->nodes[0].port, 1000)) {
            good = wire_subscribe(&wire, "_INBOX.probe", 1) &&
                   wire_publish(&wire, "$JS.API.STREAM.CREATE.probe", "_INBOX.probe", NULL, body, strlen(body)) &&
                   says_ok(&wire, loop_now_ns() + UINT64_C(3000000000)) &&
                   wire_publish(&wire, "$JS.API.STREAM.DELETE.probe", "_INBOX.probe", NULL, "", 0) &&
                   says_ok(&wire, loop_now_ns() + UINT64_C(3000000000));
            wire_close(&wire, false);
        }
        (void)loop_run_once(site->sites->loop, 50000000);
    }
    return good;
}

static bool site_prepare(struct site *site)
{
    (void)snprintf(site->directory, sizeof(site->directory), "%s/" FOLDER_PREFIX "%d-XXXXXX", scratch_folder(),
                   (int)getpid());
    if (mkdtemp(site->directory) == NULL) {
        site->directory[0] = 0;
        return false;
    }
    for (uint32_t node = 0; node < site->node_count; node++) {
        uint32_t id = 1;
        while (id < CHILDREN_MAX && site->sites->used[id]) {
            id++;
        }
        if (id == CHILDREN_MAX) {
            return false;
        }
        site->sites->used[id] = true;
        site->nodes[node] = (struct node){ id, free_port(), free_port() };
    }
    for (uint32_t node = 0; node < site->node_count; node++) {
        if (!configuration_write(site, node)) {
            return false;
        }
    }
    return true;
}

struct site *site_start(struct sites *sites, const char *program, uint32_t nodes, char *ret_why, size_t size)
{
    struct site *site = calloc(1, sizeof(*site));
    if (site == NULL) {
        (void)snprintf(ret_why, size, "out of memory");
        return NULL;
    }
    site->sites = sites;
    site->node_count = nodes;
    (void)snprintf(site->program, sizeof(site->program), "%s", program);
    bool good = site_prepare(site);
    for (uint32_t node = 0; good && node < nodes; node++) {
        good = node_spawn(site, node);
    }
    for (uint32_t node = 0; good && node < nodes; node++) {
        good = node_answers(site, node);
    }
    if (!good || !site_takes_streams(site)) {
        (void)snprintf(ret_why, size, "%s does not start (its log was in %s)", program, site->directory);
        site_end(site);
        return NULL;
    }
    return site;
}

void site_end(struct site *site)
{
    if (site == NULL) {
        return;
    }
    for (uint32_t node = 0; node < site->node_count; node++) {
        uint32_t id = site->nodes[node].id;
        if (id != 0) {
            (void)(!site->sites->running[id] || site_stop(site, node, SIGKILL));
            site->sites->used[id] = false;
        }
    }
    if (site->directory[0] != 0) {
        (void)nftw(site->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(site);
}

uint32_t site_nodes(const struct site *site)
{
    return site->node_count;
}

uint16_t site_port(const struct site *site, uint32_t node)
{
    return site->nodes[node].port;
}

uint32_t site_node_named(const struct site *site, const char *name)
{
    for (uint32_t node = 0; node < site->node_count; node++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "n%" PRIu32, node);
        if (strcmp(text, name) == 0) {
            return node;
        }
    }
    return site->node_count;
}
