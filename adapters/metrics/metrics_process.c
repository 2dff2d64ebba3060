/* The process_* families, which every Prometheus client exports under the same names, read from /proc/self. What can't
 * be read keeps its last value. */
#include "adapters/metrics/metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void set(struct metrics *metrics, enum metric metric, int64_t value)
{
    metrics_set(metrics_plain(metrics, metric), value);
}

static void sample_stat(struct metrics *metrics)
{
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t length = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) {
        fclose(file);
    }
    text[length] = '\0';
    const char *after = strrchr(text, ')'); /* the command's name may hold anything, even spaces */
    unsigned long long threads, start, size;
    long long resident;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes these numbers, and they fit */
    if (after == NULL || sscanf(after + 1,
                                " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %llu "
                                "%*d %llu %llu %lld",
                                &threads, &start, &size, &resident) != 4) {
        return;
    }
    struct timespec wall, boot;
    clock_gettime(CLOCK_REALTIME, &wall);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    int64_t booted_ns = (wall.tv_sec - boot.tv_sec) * 1000000000 + (wall.tv_nsec - boot.tv_nsec);
    /* Cut to 10 ms: the two clocks are read one after the other, and a start time must not wobble between scrapes. */
    booted_ns = booted_ns / 10000000 * 10000000;
    int64_t tick_ns = 1000000000 / sysconf(_SC_CLK_TCK);
    set(metrics, METRIC_PROCESS_THREADS, (int64_t)threads);
    set(metrics, METRIC_PROCESS_START_TIME_SECONDS, booted_ns + (int64_t)start * tick_ns);
    set(metrics, METRIC_PROCESS_VIRTUAL_MEMORY_BYTES, (int64_t)size);
    set(metrics, METRIC_PROCESS_RESIDENT_MEMORY_BYTES, resident * sysconf(_SC_PAGESIZE));
}

static void sample_files(struct metrics *metrics)
{
    struct rlimit limit;
    DIR *folder = opendir("/proc/self/fd");
    if (folder != NULL) {
        int64_t count = -3; /* ".", ".." and the folder itself */
        while (readdir(folder) != NULL) {
            count++;
        }
        closedir(folder);
        set(metrics, METRIC_PROCESS_OPEN_FDS, count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        set(metrics, METRIC_PROCESS_MAX_FDS, (int64_t)limit.rlim_cur);
    }
}

void metrics_sample_process(struct metrics *metrics)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        int64_t seconds = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
        int64_t micros = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
        set(metrics, METRIC_PROCESS_CPU_SECONDS_TOTAL, seconds * 1000000000 + micros * 1000);
    }
    sample_stat(metrics);
    sample_files(metrics);
}
