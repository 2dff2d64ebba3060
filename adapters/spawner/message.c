/* Packing of the records in message.h. Strings are copied one after the other; unpacking walks them and refuses a
 * record whose counts do not match its bytes. */
#include "adapters/spawner/message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct packer {
    char *bytes;
    size_t length;
    bool full;
};

static void pack_string(struct packer *packer, const char *text)
{
    size_t size = strlen(text) + 1;
    if (size > SPAWNER_REQUEST_BYTES_MAX - packer->length) {
        packer->full = true;
        return;
    }
    memcpy(packer->bytes + packer->length, text, size);
    packer->length += size;
}

static uint32_t pack_strings(struct packer *packer, const char *const *list)
{
    uint32_t count = 0;
    for (; list != NULL && list[count] != NULL; count++) {
        if (count == SPAWNER_ARGUMENTS_MAX) {
            packer->full = true;
            break;
        }
        pack_string(packer, list[count]);
    }
    return count;
}

long request_pack(enum request_kind kind, uint32_t id, const struct spawner_program *program, char *bytes)
{
    if (program->argv == NULL || program->argv[0] == NULL || strchr(program->argv[0], '/') == NULL) {
        return -EINVAL;
    }
    struct packer packer = { .bytes = bytes, .length = sizeof(struct request) };
    struct request head = { .kind = kind, .id = id, .limits = program->limits };
    head.argument_count = pack_strings(&packer, program->argv);
    head.env_count = pack_strings(&packer, program->env);
    if (program->directory != NULL) {
        head.has_directory = 1;
        pack_string(&packer, program->directory);
    }
    if (packer.full) {
        return -E2BIG;
    }
    memcpy(bytes, &head, sizeof head);
    return (long)packer.length;
}

static char *unpack_string(char **cursor, const char *end)
{
    if (*cursor == end) {
        return NULL;
    }
    char *text = *cursor;
    char *nul = memchr(text, 0, (size_t)(end - text));
    if (nul == NULL) {
        return NULL;
    }
    *cursor = nul + 1;
    return text;
}

static bool unpack_strings(char **cursor, const char *end, uint32_t count, char **ret_list)
{
    if (count > SPAWNER_ARGUMENTS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        ret_list[i] = unpack_string(cursor, end);
        if (ret_list[i] == NULL) {
            return false;
        }
    }
    ret_list[count] = NULL;
    return true;
}

int request_unpack(char *bytes, size_t length, struct request_view *ret_view)
{
    if (length < sizeof ret_view->head) {
        return -EBADMSG;
    }
    memcpy(&ret_view->head, bytes, sizeof ret_view->head);
    char *cursor = bytes + sizeof ret_view->head;
    const char *end = bytes + length;
    if (!unpack_strings(&cursor, end, ret_view->head.argument_count, ret_view->argv) ||
        !unpack_strings(&cursor, end, ret_view->head.env_count, ret_view->env)) {
        return -EBADMSG;
    }
    ret_view->directory = ret_view->head.has_directory ? unpack_string(&cursor, end) : NULL;
    bool complete = cursor == end && (!ret_view->head.has_directory || ret_view->directory != NULL);
    return complete ? 0 : -EBADMSG;
}

int answer_send(int lane, const struct answer *answer, const int *fds, int fd_count)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control = { 0 };
    struct iovec data = { .iov_base = (void *)answer, .iov_len = sizeof *answer };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
    if (fd_count > 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fd_count);
    }
    ssize_t sent;
    do {
        sent = sendmsg(lane, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

static void collect_fds(struct msghdr *message, int ret_fds[MESSAGE_FDS_MAX])
{
    int taken = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && taken < MESSAGE_FDS_MAX; i++) {
            memcpy(&ret_fds[taken++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        }
    }
}

int answer_receive(int lane, int flags, struct answer *ret_answer, int ret_fds[MESSAGE_FDS_MAX])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
    } control;
    struct answer answer;
    struct iovec data = { .iov_base = &answer, .iov_len = sizeof answer };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    ssize_t got;
    do {
        got = recvmsg(lane, &message, flags | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return -EAGAIN;
    }
    if (got != (ssize_t)sizeof answer) {
        return -EPIPE;
    }
    for (int i = 0; i < MESSAGE_FDS_MAX; i++) {
        ret_fds[i] = -1;
    }
    collect_fds(&message, ret_fds);
    *ret_answer = answer;
    return 0;
}
