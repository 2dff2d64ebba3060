/* What the daemon and the spawner say to each other: one record a message over a SOCK_SEQPACKET pair. Both ends are the
 * same program image, so records are plain structs; a request's strings follow it, each with its NUL. File descriptors
 * travel beside an answer. Private to this folder. */
#ifndef STEAD_ADAPTERS_SPAWNER_MESSAGE_H
#define STEAD_ADAPTERS_SPAWNER_MESSAGE_H

#include "adapters/spawner/spawner.h"

enum { MESSAGE_FDS_MAX = 3 };

enum request_kind {
    REQUEST_SPAWN, /* channel on fd 3, stdout and stderr apart */
    REQUEST_RUN,   /* no channel, stdout and stderr as one stream */
    REQUEST_KILL,
};

struct request {
    uint32_t kind;
    uint32_t id;
    int32_t signal;
    uint32_t argument_count;
    uint32_t env_count;
    uint32_t has_directory;
    struct spawner_limits limits;
};

/* A request as received: pointers into the bytes it came in. Arrays are NULL-terminated, with room for additions. */
struct request_view {
    struct request head;
    char *argv[SPAWNER_ARGUMENTS_MAX + 1];
    char *env[SPAWNER_ARGUMENTS_MAX + 8];
    char *directory;
};

struct answer {
    uint32_t kind; /* enum spawner_event_kind */
    uint32_t id;
    int32_t pid;
    int32_t error;
    struct spawner_exit exit;
};

/* Writes a request for `program` into `bytes` (SPAWNER_REQUEST_BYTES_MAX). Gives its length, or -E2BIG or -EINVAL. */
long request_pack(enum request_kind kind, uint32_t id, const struct spawner_program *program, char *bytes);
/* Reads a request; -EBADMSG if it is malformed. */
int request_unpack(char *bytes, size_t length, struct request_view *ret_view);

/* Sends an answer with `fd_count` descriptors; blocks if the receiver is behind. 0 or -errno. */
int answer_send(int lane, const struct answer *answer, const int *fds, int fd_count);
/* Receives one answer; fds that did not come are -1. 0, -EAGAIN, or -EPIPE if the other end is gone. */
int answer_receive(int lane, int flags, struct answer *ret_answer, int ret_fds[MESSAGE_FDS_MAX]);

#endif
