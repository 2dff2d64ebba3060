/* The server writes "nats-server_<pid>.ports" into a directory that is its own, once it listens; JSON with a list of
 * URLs. The first that can be connected to is the one. Files of servers that died are ignored by their pid. */
#include "adapters/nats/dev_server.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PORTS_FILE_BYTES_MAX = 4096, POLL_WAIT_MS = 10 };

static bool find_program(char ret_path[DEV_SERVER_PATH_BYTES])
{
    char list[4096];
    char *rest = NULL;
    const char *path = getenv("PATH");
    snprintf(list, sizeof list, "%s:/usr/sbin:/usr/local/sbin", path != NULL ? path : "/usr/bin");
    for (char *one = strtok_r(list, ":", &rest); one != NULL; one = strtok_r(NULL, ":", &rest)) {
        int length = snprintf(ret_path, DEV_SERVER_PATH_BYTES, "%s/nats-server", one);
        if (*one == '/' && length < DEV_SERVER_PATH_BYTES && access(ret_path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool make_directory(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool path_join(char ret_path[DEV_SERVER_PATH_BYTES], const char *directory, const char *name)
{
    int length = snprintf(ret_path, DEV_SERVER_PATH_BYTES, "%s/%s", directory, name);
    return length > 0 && length < DEV_SERVER_PATH_BYTES;
}

/* Paths go between quotes in the configuration. */
static bool path_quotable(const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\' || (unsigned char)*c < ' ') {
            return false;
        }
    }
    return true;
}

static bool write_configuration(const struct dev_server *server, const char *store, uint16_t port)
{
    int fd = open(server->configuration, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return false;
    }
    char wanted[16];
    snprintf(wanted, sizeof wanted, "%d", port == 0 ? -1 : (int)port);
    int written = dprintf(fd,
                          "# Written by stead dev; changes are lost.\n"
                          "listen: \"127.0.0.1:%s\"\n"
                          "server_name: \"stead-dev\"\n"
                          "ports_file_dir: \"%s\"\n"
                          "max_payload: 1MB\n"
                          "jetstream {\n"
                          "    store_dir: \"%s\"\n"
                          "}\n",
                          wanted, server->ports_directory, store);
    return close(fd) == 0 && written > 0;
}

bool dev_server_prepare(const char *directory, uint16_t port, struct dev_server *ret_server, char *ret_error,
                        size_t error_capacity)
{
    struct dev_server *server = ret_server;
    char store[DEV_SERVER_PATH_BYTES];
    if (!find_program(server->program)) {
        snprintf(ret_error, error_capacity, "nats-server is not installed: apt-get install nats-server");
        return false;
    }
    if (!path_quotable(directory) || !path_join(server->configuration, directory, "nats-server.conf") ||
        !path_join(server->ports_directory, directory, "ports") || !path_join(store, directory, "jetstream")) {
        snprintf(ret_error, error_capacity, "%.200s: this path can't be used as a store", directory);
        return false;
    }
    if (!make_directory(directory) || !make_directory(server->ports_directory) || !make_directory(store) ||
        !write_configuration(server, store, port)) {
        snprintf(ret_error, error_capacity, "%.200s: can't be written: %s", directory, strerror(errno));
        return false;
    }
    server->arguments[0] = server->program;
    server->arguments[1] = "-c";
    server->arguments[2] = server->configuration;
    server->arguments[3] = NULL;
    return true;
}

static bool can_connect(const char *url)
{
    const char *colon = strrchr(url, ':');
    struct sockaddr_in address = { .sin_family = AF_INET };
    if (colon == NULL) {
        return false;
    }
    address.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return connected;
}

/* The first URL of {"nats":["nats://127.0.0.1:4222"], …}; false while the file is absent or half written. */
static bool read_ports(const char *path, char ret_url[DEV_SERVER_URL_BYTES])
{
    char text[PORTS_FILE_BYTES_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    cJSON *root = length > 0 ? cJSON_ParseWithLength(text, (size_t)length) : NULL;
    const char *url = cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "nats"), 0));
    bool found = url != NULL && strlen(url) < DEV_SERVER_URL_BYTES;
    if (found) {
        memcpy(ret_url, url, strlen(url) + 1);
    }
    cJSON_Delete(root);
    return found;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool dev_server_wait_ready(const struct dev_server *server, int pid, uint32_t timeout_ms, bool (*alive)(void *owner),
                           void *owner, char ret_url[DEV_SERVER_URL_BYTES])
{
    const struct timespec pause = { .tv_nsec = POLL_WAIT_MS * 1000000 };
    char name[64];
    char path[DEV_SERVER_PATH_BYTES];
    char url[DEV_SERVER_URL_BYTES];
    snprintf(name, sizeof name, "nats-server_%d.ports", pid);
    if (!path_join(path, server->ports_directory, name)) {
        return false;
    }
    for (uint64_t end_ms = now_ms() + timeout_ms; now_ms() < end_ms; nanosleep(&pause, NULL)) {
        if (read_ports(path, url) && can_connect(url)) {
            unlink(path);
            memcpy(ret_url, url, sizeof url);
            return true;
        }
        if (alive != NULL && !alive(owner)) {
            return false;
        }
    }
    return false;
}
