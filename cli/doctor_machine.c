/* What functions need of this machine: toolchains, descriptors, memory control, and room for what is built. */
#include "cli/doctor.h"

#include "adapters/build/build.h"
#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FILES_MIN = 4096, STORE_FREE_MIB_MIN = 512 };

static void check_toolchains(struct report *report, const struct config *config, struct spawner *spawner)
{
    for (size_t i = 0; i < config->service_languages.count; i++) {
        const char *name = config->service_languages.items[i];
        enum build_language language;
        struct build_toolchain toolchain;
        if (!build_language_of_name(name, &language)) {
            report_add(report, LEVEL_WARN, name, "take it out of service.languages", "this version can't build %s",
                       name);
            continue;
        }
        build_toolchain_find(spawner, language, &toolchain);
        if (toolchain.available && toolchain.path[0] == '\0') {
            report_add(report, LEVEL_OK, name, NULL, "programs for %s", toolchain.version);
        } else if (toolchain.available) {
            report_add(report, LEVEL_OK, name, NULL, "%s (%s)", toolchain.path, toolchain.version);
        } else {
            report_add(report, LEVEL_WARN, name, "functions in this language are not served here", "%s",
                       toolchain.problem);
        }
    }
}

static void check_files(struct report *report, const struct config *config)
{
    struct rlimit limit;
    uint64_t wanted = (uint64_t)config->grpc_connections_max + 4 * (uint64_t)config->service_slots + 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    wanted = wanted > FILES_MIN ? wanted : FILES_MIN;
    report_add(report, limit.rlim_max >= wanted ? LEVEL_OK : LEVEL_WARN, "open files",
               limit.rlim_max >= wanted ? NULL : "raise LimitNOFILE= (systemd) or ulimit -n",
               "at most %llu, %llu are enough for these settings", (unsigned long long)limit.rlim_max,
               (unsigned long long)wanted);
}

/* True if the first line of the file holds `word`. */
static void check_store(struct report *report, const struct config *config)
{
    struct statvfs status;
    const char *directory = config->store_directory;
    if (statvfs(directory, &status) != 0) {
        report_add(report, LEVEL_WARN, "store", "make it, or choose another: --store DIR or store.directory", "%s: %s",
                   directory, strerror(errno));
        return;
    }
    uint64_t free_mib = (uint64_t)status.f_bavail * status.f_frsize >> 20;
    if (access(directory, W_OK) != 0) {
        report_add(report, LEVEL_WARN, "store", "let the user that runs stead serve write there",
                   "%s can't be written by %s", directory, "this user");
    } else {
        report_add(report, free_mib >= STORE_FREE_MIB_MIN ? LEVEL_OK : LEVEL_WARN, "store",
                   free_mib >= STORE_FREE_MIB_MIN ? NULL : "make room: builds and streams need space",
                   "%s, %llu MiB free", directory, (unsigned long long)free_mib);
    }
}

void doctor_machine(struct report *report, const struct config *config, struct spawner *spawner)
{
    check_toolchains(report, config, spawner);
    check_files(report, config);
    check_store(report, config);
}
