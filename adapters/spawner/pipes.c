/* pipe2() and socketpair(), all close-on-exec. */
#include "adapters/spawner/pipes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++) {
        if (pair[i] >= 0) {
            close(pair[i]);
            pair[i] = -1;
        }
    }
}

void pipes_close(struct pipes *pipes)
{
    close_pair(pipes->channel);
    close_pair(pipes->out);
    close_pair(pipes->error);
    close_pair(pipes->status);
}

int pipes_open(struct pipes *pipes, bool plugin)
{
    *pipes = (struct pipes){ { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    bool opened = pipe2(pipes->out, O_CLOEXEC) == 0 && pipe2(pipes->status, O_CLOEXEC) == 0 &&
                  (!plugin || (pipe2(pipes->error, O_CLOEXEC) == 0 &&
                               socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes->channel) == 0));
    if (opened) {
        /* Each end is a description of its own: ours alone becomes non-blocking. */
        int ours[3] = { pipes->out[0], pipes->error[0], pipes->channel[0] };
        for (int i = 0; i < 3 && ours[i] >= 0; i++) {
            opened = opened && fcntl(ours[i], F_SETFL, O_NONBLOCK) == 0;
        }
    }
    if (opened) {
        return 0;
    }
    int error = errno;
    pipes_close(pipes);
    return error;
}
