/* The child gets a death signal, so that a test that crashes leaves no server behind. */
#include "server.h"

#include <arpa/inet.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const languages[] = { "c", "python" };

const struct broker_provision server_provision_options = {
    .languages = languages,
    .language_count = 2,
    .replicas = 1,
    .queue_messages_max = 1000,
    .results_retention_ns = 120ll * 1000000000,
    .results_count_max = 1000,
    .dead_retention_ns = 30ll * 24 * 3600 * 1000000000, /* above 1e15 ns: printed as an exponent if one is careless */
    .attempts_ttl_ns = 600ll * 1000000000,
    .lease_ttl_ns = 10ll * 1000000000,
    .instances_ttl_ns = 30ll * 1000000000,
};

static void give_up(const char *why)
{
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static uint16_t free_port(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        give_up("no free port");
    }
    close(fd);
    return ntohs(address.sin_port);
}

void server_prepare(struct server *server)
{
    char error[300];
    *server = (struct server){ .directory = "/tmp/stead-nats-XXXXXX" };
    if (mkdtemp(server->directory) == NULL) {
        give_up("no temporary directory");
    }
    server->port = free_port();
    if (!dev_server_prepare(server->directory, server->port, &server->dev, error, sizeof error)) {
        fprintf(stderr, "skipped: %s\n", error);
        exit(77);
    }
    snprintf(server->url, sizeof server->url, "nats://127.0.0.1:%u", server->port);
}

static bool is_alive(void *owner)
{
    const struct server *server = owner;
    return waitpid(server->pid, NULL, WNOHANG) == 0;
}

void server_start(struct server *server)
{
    char url[DEV_SERVER_URL_BYTES];
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getenv("STEAD_TEST_VERBOSE") == NULL && freopen("/dev/null", "w", stderr) == NULL) {
            _exit(126);
        }
        execv(server->dev.program, (char *const *)(uintptr_t)server->dev.arguments);
        _exit(127);
    }
    if (!dev_server_wait_ready(&server->dev, server->pid, 10000, is_alive, server, url)) {
        give_up("nats-server did not start");
    }
}

void server_signal(struct server *server, int number)
{
    if (server->pid > 0) {
        kill(server->pid, number);
        waitpid(server->pid, NULL, 0);
        server->pid = 0;
    }
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    return remove(path);
}

void server_remove(struct server *server)
{
    server_signal(server, SIGTERM);
    nftw(server->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct broker *server_broker(const struct server *server)
{
    struct broker_error error;
    struct endpoint endpoint = { .urls = server->url, .name = "test", .inbox_prefix = "_INBOX.stead.test.control" };
    struct broker *broker = broker_connect(&endpoint, 0, &error);
    if (broker == NULL) {
        give_up(error.text);
    }
    return broker;
}

void server_provision(struct broker *broker)
{
    struct broker_error error;
    if (broker_provision(broker, &server_provision_options, NULL, NULL, &error) != BROKER_OK) {
        give_up(error.text);
    }
}
