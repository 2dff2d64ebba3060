/* The steps of child_become(), in an order that matters: the death signal comes before the check that the parent still
 * lives; descriptors are first moved out of the way (above 9), then put on 0 to 3; privileges go last. */
#include "adapters/spawner/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_BYTES_DEFAULT = 256 * 1024 * 1024,
    FILES_DEFAULT = 256,
    PROCESSES_DEFAULT = 4096,
    FIRST_FREE_FD = 10,
};

static _Noreturn void child_fail(int status_fd)
{
    int error = errno != 0 ? errno : EIO;
    ssize_t written = write(status_fd, &error, sizeof error);
    _exit(written == (ssize_t)sizeof error ? 127 : 126);
}

static void child_reset_signals(void)
{
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        signal(signal_number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool child_set_descriptors(const struct child_setup *setup, int *status_fd)
{
    int source[4] = { open("/dev/null", O_RDONLY | O_CLOEXEC), setup->stdout_fd, setup->stderr_fd, setup->channel_fd };
    *status_fd = fcntl(*status_fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    for (int i = 0; i < 4 && source[i] >= 0; i++) {
        source[i] = fcntl(source[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    }
    int count = setup->channel_fd >= 0 ? 4 : 3;
    for (int fd = 0; fd < count; fd++) {
        if (source[fd] < 0 || dup2(source[fd], fd) < 0) {
            return false;
        }
    }
    /* Everything else goes: what is left open above, other than the status pipe, closes itself at exec. */
    if (count == 3) {
        close(SPAWNER_CHANNEL_FD);
    }
    close_range(SPAWNER_CHANNEL_FD + 1, FIRST_FREE_FD - 1, 0);
    return close_range((unsigned)FIRST_FREE_FD, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool child_limit(int resource, uint64_t value)
{
    struct rlimit limit;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        return false;
    }
    rlim_t wanted = value == UINT64_MAX ? RLIM_INFINITY : (rlim_t)value;
    if (wanted < limit.rlim_max) {
        limit.rlim_max = wanted;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit((__rlimit_resource_t)resource, &limit) == 0;
}

/* Memory is RLIMIT_DATA, what a process may write and shares with nobody, and not RLIMIT_AS: Go's runtime reserves over
 * 512 MiB of addresses and Node's over 1 GiB before the first line runs, of which they touch a few MiB. */
static bool child_set_limits(const struct spawner_limits *limits)
{
    return child_limit(RLIMIT_CORE, 0) && child_limit(RLIMIT_NOFILE, limits->files ? limits->files : FILES_DEFAULT) &&
           child_limit(RLIMIT_NPROC, limits->processes ? limits->processes : PROCESSES_DEFAULT) &&
           child_limit(RLIMIT_FSIZE, limits->file_bytes ? limits->file_bytes : FILE_BYTES_DEFAULT) &&
           (limits->memory_bytes == 0 || child_limit(RLIMIT_DATA, limits->memory_bytes)) &&
           (limits->cpu_s == 0 || child_limit(RLIMIT_CPU, limits->cpu_s));
}

static void child_raise_oom_score(void)
{
    /* Under memory pressure a function should go before the daemon. Best effort: /proc may be absent. */
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t written = write(fd, "500", 3);
        (void)written;
        close(fd);
    }
}

_Noreturn void child_become(const struct child_setup *setup, int status_fd)
{
    errno = 0;
    child_reset_signals();
    setsid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        child_fail(status_fd);
    }
    if (getppid() != setup->parent) {
        _exit(126); /* the spawner died before the death signal was set */
    }
    child_raise_oom_score();
    umask(077);
    if (!child_set_descriptors(setup, &status_fd) || chdir(setup->directory) != 0 ||
        !child_set_limits(&setup->limits) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        child_fail(status_fd);
    }
    execve(setup->argv[0], setup->argv, setup->env);
    child_fail(status_fd);
}
