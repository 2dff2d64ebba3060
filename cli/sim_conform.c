/* stead sim conform: scripts against the model and against real nats-servers that are started for them. Arguments
 * become back ends and scripts, each back end gets a campaign, and the results are told (sim_conform_tell.c). */
#include "cli/sim_conform.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/sim_schedule.h"
#include "conform/random.h"

enum { EXIT_NO_SERVER = 69, SCRIPTS_MAX = 1000, WIDTH_USUAL = 32, PATH_BYTES = 512 };

static const char usage[] =
    "usage: stead sim conform [OPTION...] FILE|FOLDER...\n"
    "\n"
    "  --backend LIST      of model, 2.9, current, cluster-2.9, cluster-current, cluster (model,2.9)\n"
    "  --server NAME=PATH  the program of 2.9 or current (2.9: nats-server of the PATH)\n"
    "  --random N          also N random scripts (0)\n"
    "  --seed S            the first seed of those (1)\n"
    "  --jobs N            scripts at a time (32)\n"
    "  --out FOLDER        make random scripts that differ small, and write them there\n"
    "  --trace             tell what is seen, line by line; of many random ones, where it differs\n"
    "  --print             print the random script of --seed, as that --backend plays it, and stop\n"
#ifdef STEAD_MUTANTS
    "  --mutant N          plant bug N in the model (0: none)\n"
#endif
    "  --json              results as JSON\n"
    "\n"
    "exit status: 0 all agreed, 2 usage or a script that is none, 4 something differed, 69 no such server\n";

struct conform_arguments {
    const char *backends, *servers[2], *out;
    uint64_t random, seed, width, bug;
    bool json, print, trace;
    uint32_t path_count;
    const char *paths[64];
};

struct conform_scripts {
    struct script *list;
    uint32_t count;
};

static const char *const server_names[] = { "2.9", "current" };

/* -- arguments -- */

static bool server_read(struct conform_arguments *arguments, const char *value)
{
    for (uint32_t at = 0; value != NULL && at < 2; at++) {
        size_t length = strlen(server_names[at]);
        if (strncmp(value, server_names[at], length) == 0 && value[length] == '=' && value[length + 1] != 0) {
            arguments->servers[at] = value + length + 1;
            return true;
        }
    }
    return false;
}

static bool option_value(struct conform_arguments *arguments, const char *name, const char *value)
{
    if (strcmp(name, "--backend") == 0) {
        arguments->backends = value;
        return value != NULL && value[0] != 0;
    }
    if (strcmp(name, "--out") == 0) {
        arguments->out = value;
        return value != NULL && value[0] != 0;
    }
    if (strcmp(name, "--server") == 0) {
        return server_read(arguments, value);
    }
    if (strcmp(name, "--random") == 0) {
        return sim_number_read(value, &arguments->random) && arguments->random <= 1000000;
    }
    if (strcmp(name, "--seed") == 0) {
        return sim_number_read(value, &arguments->seed);
    }
#ifdef STEAD_MUTANTS
    if (strcmp(name, "--mutant") == 0) {
        return sim_number_read(value, &arguments->bug) && arguments->bug <= UINT32_MAX;
    }
#endif
    return strcmp(name, "--jobs") == 0 && sim_number_read(value, &arguments->width) && arguments->width > 0 &&
           arguments->width <= 128;
}

static bool arguments_read(int argc, char **argv, struct conform_arguments *ret_arguments)
{
    struct conform_arguments arguments = { .backends = "model,2.9", .seed = 1, .width = WIDTH_USUAL };
    for (int at = 1; at < argc; at++) {
        bool *flag = strcmp(argv[at], "--json") == 0    ? &arguments.json
                     : strcmp(argv[at], "--print") == 0 ? &arguments.print
                     : strcmp(argv[at], "--trace") == 0 ? &arguments.trace
                                                        : NULL;
        if (flag != NULL) {
            *flag = true;
        } else if (argv[at][0] != '-' && arguments.path_count < 64) {
            arguments.paths[arguments.path_count++] = argv[at];
        } else if (!option_value(&arguments, argv[at], argv[at + 1])) {
            fprintf(stderr, "stead sim conform: %s: unknown, or its value is missing or wrong\n", argv[at]);
            return false;
        } else {
            at++;
        }
    }
    if (arguments.path_count == 0 && arguments.random == 0 && !arguments.print) {
        fputs("stead sim conform: scripts, folders of scripts or --random N are needed\n", stderr);
        return false;
    }
    *ret_arguments = arguments;
    return true;
}

/* -- scripts -- */

static bool script_load(struct conform_scripts *scripts, const char *path)
{
    char wrong[512];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "stead sim conform: cannot read %s: %s\n", path, strerror(errno));
        return false;
    }
    bool room = scripts->count < SCRIPTS_MAX;
    bool good = room && script_read(file, path, &scripts->list[scripts->count], wrong, sizeof(wrong));
    (void)fclose(file);
    if (!good) {
        fprintf(stderr, "stead sim conform: %s\n", room ? wrong : "too many scripts");
        return false;
    }
    scripts->count++;
    return true;
}

static int is_script(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot != NULL && strcmp(dot, ".script") == 0;
}

static bool folder_load(struct conform_scripts *scripts, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_script, alphasort);
    bool good = count >= 0;
    for (int at = 0; at < count; at++) {
        char path[PATH_BYTES];
        (void)snprintf(path, sizeof(path), "%.200s/%s", folder, entries[at]->d_name);
        good = good && script_load(scripts, path);
        free(entries[at]);
    }
    free(entries);
    if (count < 0) {
        fprintf(stderr, "stead sim conform: cannot read %s: %s\n", folder, strerror(errno));
    }
    return good;
}

static bool scripts_load(const struct conform_arguments *arguments, struct conform_scripts *ret_scripts)
{
    struct conform_scripts scripts = { calloc(SCRIPTS_MAX, sizeof(*scripts.list)), 0 };
    bool good = scripts.list != NULL;
    for (uint32_t at = 0; good && at < arguments->path_count; at++) {
        struct stat what;
        bool folder = stat(arguments->paths[at], &what) == 0 && S_ISDIR(what.st_mode);
        good = folder ? folder_load(&scripts, arguments->paths[at]) : script_load(&scripts, arguments->paths[at]);
    }
    *ret_scripts = scripts;
    return good;
}

static void scripts_free(struct conform_scripts *scripts)
{
    for (uint32_t at = 0; scripts->list != NULL && at < scripts->count; at++) {
        script_free(&scripts->list[at]);
    }
    free(scripts->list);
}

/* -- back ends -- */

/* Debian puts servers where users' PATHs don't look. */
static bool program_find(char path[PATH_BYTES])
{
    const char *folders = getenv("PATH");
    char all[4096], *rest = NULL;
    (void)snprintf(all, sizeof(all), "%s:/usr/sbin:/usr/local/bin", folders == NULL ? "" : folders);
    for (char *folder = strtok_r(all, ":", &rest); folder != NULL; folder = strtok_r(NULL, ":", &rest)) {
        (void)snprintf(path, PATH_BYTES, "%.200s/nats-server", folder);
        if (access(path, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

static bool backend_add(struct conform_total *total, const char *name, struct sites *sites, const char *const *programs)
{
    bool cluster = strncmp(name, "cluster-", 8) == 0;
    const char *server = cluster ? name + 8 : name;
    uint32_t which = strcmp(server, "2.9") == 0 ? 0 : strcmp(server, "current") == 0 ? 1 : 2;
    bool model = strcmp(name, "model") == 0;
    if (total->count == CONFORM_BACKENDS_MAX || (which == 2 && !model)) {
        fprintf(stderr, "stead sim conform: `%s` is no back end, or there are too many\n", name);
        return false;
    }
    struct backend *backend = &total->backends[total->count++];
    *backend = (struct backend){ .nodes = cluster ? 3 : 1, .profile = JET_2_9 };
    (void)snprintf(backend->name, sizeof(backend->name), "%s", name);
    (void)snprintf(backend->version, sizeof(backend->version), "model");
    if (model) {
        return true;
    }
    backend->program = programs[which];
    if (backend->program == NULL ||
        !site_version(sites, backend->program, backend->version, sizeof(backend->version))) {
        fprintf(stderr, "stead sim conform: there is no server `%s` here; say --server %s=PATH\n", server, server);
        return false;
    }
    backend->profile = strncmp(backend->version, "2.9.", 4) == 0 ? JET_2_9 : JET_2_10;
    return true;
}

static int backends_read(const struct conform_arguments *arguments, struct sites *sites, struct conform_total *total)
{
    static char found[PATH_BYTES];
    char list[256], *rest = NULL;
    const char *programs[3] = { arguments->servers[0], arguments->servers[1], NULL };
    programs[0] = programs[0] == NULL && program_find(found) ? found : programs[0];
    (void)snprintf(list, sizeof(list), "%s", arguments->backends);
    for (char *name = strtok_r(list, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        bool both = strcmp(name, "cluster") == 0;
        bool known =
            strcmp(name, "model") == 0 || strstr(name, "2.9") != NULL || strstr(name, "current") != NULL || both;
        if (!backend_add(total, both ? "cluster-2.9" : name, sites, programs) ||
            (both && !backend_add(total, "cluster-current", sites, programs))) {
            return known ? EXIT_NO_SERVER : SIM_EXIT_USAGE;
        }
    }
    return 0;
}

/* -- the command -- */

static void on_progress(void *owner, const char *what, uint32_t done, uint32_t all)
{
    const struct backend *backend = owner;
    enum { WIDTH = 24 };
    uint32_t filled = all == 0 ? WIDTH : done * WIDTH / all;
    fprintf(stderr, "\r%-16s [%-24.*s] %" PRIu32 "/%" PRIu32 " %s   ", backend->name, (int)filled,
            "########################", done, all, what);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool campaigns_run(const struct conform_arguments *arguments, const struct conform_scripts *scripts,
                          struct sites *sites, struct conform_total *total)
{
    bool tty = isatty(STDERR_FILENO) == 1, good = true;
    for (uint32_t at = 0; good && at < total->count; at++) {
        struct campaign *campaign = &total->campaigns[at];
        double begun = seconds_now();
        *campaign = (struct campaign){ .backend = &total->backends[at], .sites = sites, .out = arguments->out };
        campaign->width = (uint32_t)arguments->width;
        campaign->bug = (uint32_t)arguments->bug;
        campaign->progress = tty ? on_progress : NULL;
        campaign->owner = &total->backends[at];
        campaign->trace = arguments->trace ? stdout : NULL;
        campaign->trace_all = arguments->random <= 1;
        good = (scripts->count == 0 || campaign_files(campaign, scripts->list, scripts->count)) &&
               (arguments->random == 0 || campaign_random(campaign, arguments->seed, (uint32_t)arguments->random));
        total->seconds[at] = seconds_now() - begun;
        fputs(tty ? "\r\033[K" : "", stderr);
        if (!good) {
            fprintf(stderr, "stead sim conform: %s: %s\n", campaign->backend->name, campaign->why);
        }
    }
    return good;
}

static int print_random(const struct conform_arguments *arguments)
{
    struct script script;
    struct random_options options = {
        .profile = strstr(arguments->backends, "current") != NULL ? JET_2_10 : JET_2_9,
        .cluster = strncmp(arguments->backends, "cluster", 7) == 0,
    };
    if (!random_script(arguments->seed, &options, &script)) {
        return SIM_EXIT_NO_MEMORY;
    }
    script_write(&script, stdout);
    script_free(&script);
    return 0;
}

static int conform_run(const struct conform_arguments *arguments, struct conform_scripts *scripts, struct sites *sites)
{
    struct conform_total *total = calloc(1, sizeof(*total));
    if (total == NULL) {
        return SIM_EXIT_NO_MEMORY;
    }
    total->files = scripts->count;
    total->random = arguments->random;
    total->seed = arguments->seed;
    int status = backends_read(arguments, sites, total);
    if (status == 0) {
        status = campaigns_run(arguments, scripts, sites, total) ? 0 : EXIT_NO_SERVER;
    }
    if (status == 0) {
        (arguments->json ? conform_json : conform_tell)(total, stdout);
        for (uint32_t at = 0; at < total->count; at++) {
            const struct campaign *campaign = &total->campaigns[at];
            status = campaign->unmet + campaign->differences + campaign->broken > 0 ? SIM_EXIT_SAFETY : status;
        }
    }
    free(total);
    return status;
}

int sim_conform_main(int argc, char **argv)
{
    struct conform_arguments arguments;
    struct conform_scripts scripts = { NULL, 0 };
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (!arguments_read(argc, argv, &arguments)) {
        fputs(usage, stderr);
        return SIM_EXIT_USAGE;
    }
    if (arguments.print) {
        return print_random(&arguments);
    }
    struct sites *sites = sites_begin();
    int status = sites == NULL                        ? SIM_EXIT_NO_MEMORY
                 : scripts_load(&arguments, &scripts) ? conform_run(&arguments, &scripts, sites)
                                                      : SIM_EXIT_USAGE;
    scripts_free(&scripts);
    sites_end(sites);
    return status;
}
