/* A server and one command a line on stdin, for tests in other languages: "put NAME FILE", "get NAME FILE", "quit".
 * Prints the server's URL first, then "ok" or the error for each command. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server.h"

static enum broker_status put(struct broker *broker, const char *name, const char *path, struct broker_error *error)
{
    FILE *file = fopen(path, "rb");
    uint8_t *content = malloc(8 << 20);
    size_t length = file != NULL ? fread(content, 1, 8 << 20, file) : 0;
    enum broker_status status =
        broker_object_put(broker, BROKER_BUCKET_CODE, name, (struct bytes){ content, length }, NULL, error);
    free(content);
    if (file != NULL) {
        fclose(file);
    }
    return status;
}

static enum broker_status get(struct broker *broker, const char *name, const char *path, struct broker_error *error)
{
    uint8_t *content = NULL;
    struct broker_object object;
    enum broker_status status = broker_object_get(broker, BROKER_BUCKET_CODE, name, 8 << 20, &content, &object, error);
    FILE *file = status == BROKER_OK ? fopen(path, "wb") : NULL;
    if (file != NULL) {
        fwrite(content, 1, object.size, file);
        fclose(file);
    }
    free(content);
    return status;
}

int main(void)
{
    char line[512];
    char verb[16], name[256], path[256];
    struct server server;
    struct broker_error error;
    server_prepare(&server);
    server_start(&server);
    struct broker *broker = server_broker(&server);
    server_provision(broker);
    printf("%s\n", server.url);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL && sscanf(line, "%15s %255s %255s", verb, name, path) == 3) {
        enum broker_status status =
            strcmp(verb, "put") == 0 ? put(broker, name, path, &error) : get(broker, name, path, &error);
        printf("%s\n", status == BROKER_OK ? "ok" : error.text);
        fflush(stdout);
    }
    broker_close(broker);
    server_remove(&server);
    return 0;
}
