/* The text goes out line by line, the marked lines by their emitters. The one question that needs a Stead, which
 * functions there are, is asked with a short deadline and answered by silence if it fails: nobody wants an error
 * message in the middle of a word. */
#include "cli/completion.h"

#include "adapters/grpc/rpc_client.h"
#include "cli/client.h"
#include "cli/embedded.h"
#include "cli/say.h"

#include <stdio.h>
#include <string.h>

#define NAMES_TIMEOUT_NS INT64_C(400000000)

bool completion_place(const char *words, size_t *cursor, char ret_place[COMPLETION_PLACE_BYTES])
{
    size_t used = 0;
    while (words[*cursor] == ' ') {
        (*cursor)++;
    }
    for (; words[*cursor] != '\0' && words[*cursor] != ' '; (*cursor)++) {
        if (words[*cursor] != '[' && words[*cursor] != ']' && used + 1 < COMPLETION_PLACE_BYTES) {
            ret_place[used++] = words[*cursor];
        }
    }
    ret_place[used] = '\0';
    return used > 0;
}

/* The emitter that a line "# @name@" asks for, or NULL. */
static const struct completion_emitter *emitter_of(const char *shell, const char *line, size_t length)
{
    for (const struct completion_emitter *emitter = completion_emitters; emitter->shell != NULL; emitter++) {
        size_t name = strlen(emitter->name);
        if (strcmp(emitter->shell, shell) == 0 && length == name + 4 && strncmp(line, "# @", 3) == 0 &&
            strncmp(line + 3, emitter->name, name) == 0 && line[3 + name] == '@') {
            return emitter;
        }
    }
    return NULL;
}

static void script_print(const char *shell, struct bytes text)
{
    for (size_t at = 0; at < text.length;) {
        const char *line = (const char *)text.at + at;
        const char *end = memchr(line, '\n', text.length - at);
        size_t length = end == NULL ? text.length - at : (size_t)(end - line);
        const struct completion_emitter *emitter = emitter_of(shell, line, length);
        if (emitter != NULL) {
            emitter->emit();
        } else {
            printf("%.*s\n", (int)length, line);
        }
        at += length + 1;
    }
}

static int names_print(const struct arguments *arguments)
{
    struct rpc_client *client = rpc_client_connect(client_address(arguments));
    struct rpc_reply *reply = client == NULL ? NULL : rpc_client_list(client, bytes_of(""), NAMES_TIMEOUT_NS);
    bool good = reply != NULL && reply->status == RPC_STATUS_OK;
    for (size_t i = 0; good && i < reply->function_count; i++) {
        say_text(stdout, reply->functions[i].name);
        putchar('\n');
    }
    rpc_reply_free(reply);
    rpc_client_close(client);
    return good ? EXIT_DONE : EXIT_UNAVAILABLE;
}

int completion_run(const struct arguments *arguments)
{
    char path[64];
    const char *shell = arguments->words[0];
    if (strcmp(shell, "functions") == 0) {
        return names_print(arguments);
    }
    snprintf(path, sizeof path, "completion/stead.%.32s", shell);
    for (const struct embedded *file = embedded_files; file->path != NULL; file++) {
        if (strcmp(file->path, path) == 0) {
            script_print(shell, file->content);
            return EXIT_DONE;
        }
    }
    say_error("no completion for \"%s\": bash, zsh or fish", shell);
    return EXIT_USAGE;
}
