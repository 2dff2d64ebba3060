/* Runs the tools of a build. A tool sees no variable of the service's environment but those that steer how an operator
 * reaches the network, and these only when it may. What it says becomes the message, without the paths of the temporary
 * folder, which mean nothing to the author and differ from build to build. */
#include "adapters/build/step.h"

#include "adapters/spawner/spawner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const uint64_t memory_bytes_max_default = 2ull * 1024 * 1024 * 1024;

/* How an operator says where packages come from; passed to tools that may use the network. */
static const char *const network_variables[] = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GOPROXY",
    "GOPRIVATE",
    "GONOPROXY",
    "GOSUMDB",
    "GONOSUMDB",
    "GOINSECURE",
    "NPM_CONFIG_REGISTRY",
    "NPM_CONFIG_CAFILE",
    "NPM_CONFIG_USERCONFIG",
    "NODE_EXTRA_CA_CERTS",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_CONFIG_FILE",
    "REQUESTS_CA_BUNDLE",
};

enum { NETWORK_VARIABLES = sizeof network_variables / sizeof network_variables[0], PATH_VARIABLES = 4 };

struct environment {
    char path[PATH_VARIABLES][BUILD_PATH_BYTES_MAX + 32];
    char *network[NETWORK_VARIABLES];
    const char *list[BUILD_ENVIRONMENT_MAX + NETWORK_VARIABLES + PATH_VARIABLES + 2];
    size_t count;
};

static void environment_add_network(struct environment *environment)
{
    for (size_t i = 0; i < NETWORK_VARIABLES; i++) {
        const char *value = getenv(network_variables[i]);
        if (value != NULL && asprintf(&environment->network[i], "%s=%s", network_variables[i], value) > 0) {
            environment->list[environment->count++] = environment->network[i];
        }
    }
}

static bool environment_make(struct build *build, const struct build_tool *tool, struct environment *environment)
{
    char home[BUILD_PATH_BYTES_MAX];
    const char *program = build->toolchain.path;
    const char *slash = strrchr(program, '/');
    *environment = (struct environment){ 0 };
    if (!build_tools_path(build, tool->tools != NULL ? tool->tools : "home", home)) {
        return false;
    }
    snprintf(environment->path[0], sizeof environment->path[0], "TMPDIR=%s", build->work);
    snprintf(environment->path[1], sizeof environment->path[1], "HOME=%s", home);
    snprintf(environment->path[2], sizeof environment->path[2], "PATH=%.*s:/usr/local/bin:/usr/bin:/bin",
             (int)(slash != NULL ? slash - program : 0), program);
    for (int i = 0; i < 3; i++) {
        environment->list[environment->count++] = environment->path[i];
    }
    environment->list[environment->count++] = "PYTHONIOENCODING=utf-8";
    for (size_t i = 0; tool->env != NULL && tool->env[i] != NULL && i < BUILD_ENVIRONMENT_MAX; i++) {
        environment->list[environment->count++] = tool->env[i];
    }
    if (tool->network) {
        environment_add_network(environment);
    }
    return true;
}

static void environment_free(struct environment *environment)
{
    for (size_t i = 0; i < NETWORK_VARIABLES; i++) {
        free(environment->network[i]);
    }
}

/* Takes every occurrence of `word` out of `text`. */
static void text_remove(char *text, const char *word)
{
    size_t length = strlen(word);
    char *at = text;
    while ((at = strstr(at, word)) != NULL) {
        memmove(at, at + length, strlen(at + length) + 1);
    }
}

static void message_shorten(struct build *build)
{
    char path[BUILD_FULL_PATH_BYTES];
    char *message = build->result->message;
    snprintf(path, sizeof path, "%s/src/", build->work);
    text_remove(message, path);
    snprintf(path, sizeof path, "%s/", build->work);
    text_remove(message, path);
    snprintf(path, sizeof path, "%s/", build->options->cache_directory);
    text_remove(message, path);
}

static uint64_t memory_limit(const struct build *build)
{
    uint64_t limit = build->options->memory_bytes_max;
    return limit > 0 ? limit : memory_bytes_max_default;
}

static void say_why(struct build *build, const char *program, const struct spawner_run_result *run)
{
    if (run->timed_out) {
        build_refuse(build, "%s took longer than %llu s, the limit of a build (build.timeout)\n%s", program,
                     (unsigned long long)(build->time_limit_ms / 1000), run->output);
    } else if (run->exit.signal != 0) {
        build_refuse(build, "%s was ended by signal %d (%s); it may use %llu MiB of memory (build.memory)\n%s", program,
                     run->exit.signal, strsignal(run->exit.signal), (unsigned long long)(memory_limit(build) >> 20),
                     run->output);
    } else {
        build_refuse(build, "%s", run->output_bytes > 0 ? run->output : "the tool failed and said nothing");
    }
    message_shorten(build);
    build_advise(build, "out of memory", "A process of a build may use as much memory as build.memory says.");
    build_advise(build, "Cannot allocate memory", "A process of a build may use as much memory as build.memory says.");
}

uint64_t build_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static int run_limited(struct build *build, const struct build_tool *tool, const char *const *env,
                       struct spawner_run_result *ret_run)
{
    char directory[BUILD_FULL_PATH_BYTES];
    uint64_t now = build_now_ms();
    snprintf(directory, sizeof directory, "%s/%s", build->work, tool->folder);
    struct spawner_program program = {
        .argv = tool->argv,
        .env = env,
        .directory = directory,
        .limits = { .memory_bytes = memory_limit(build), .files = 1024 },
    };
    struct spawner_run_options options = { .leaving = build->options->leaving,
                                           .time_limit_ms = now < build->deadline_ms ? build->deadline_ms - now : 1,
                                           .output_bytes_max =
                                               tool->ret_output ? BUILD_TEXT_BYTES_MAX : BUILD_MESSAGE_BYTES_MAX - 1 };
    return spawner_run(build->options->spawner, &program, &options, ret_run);
}

bool build_run(struct build *build, const struct build_tool *tool)
{
    struct environment environment;
    struct spawner_run_result run;
    if (!environment_make(build, tool, &environment)) {
        return false;
    }
    int failed = run_limited(build, tool, environment.list, &run);
    environment_free(&environment);
    if (failed != 0) {
        build_end(build, BUILD_BROKEN, "%s can't be run: %s", tool->argv[0], strerror(-failed));
        return false;
    }
    bool good = run.exit.status == 0 && !run.timed_out;
    if (good && tool->ret_output != NULL) {
        *tool->ret_output = run.output;
        return true;
    }
    if (good) {
        build_end(build, BUILD_DONE, "%s", run.output);
        message_shorten(build);
    } else {
        say_why(build, tool->argv[0], &run);
    }
    free(run.output);
    return good;
}

bool build_tools_path(struct build *build, const char *what, char ret_path[BUILD_PATH_BYTES_MAX])
{
    char tools[BUILD_PATH_BYTES_MAX];
    const char *shared = getenv("STEAD_BUILD_TOOLS");
    int tools_length = shared != NULL && shared[0] == '/'
                           ? snprintf(tools, sizeof tools, "%s", shared)
                           : snprintf(tools, sizeof tools, "%s/tools", build->options->cache_directory);
    int length = snprintf(ret_path, BUILD_PATH_BYTES_MAX, "%.900s/%s", tools, what);
    bool fits = tools_length < 900 && length < BUILD_PATH_BYTES_MAX;
    if (!fits || (mkdir(tools, 0700) != 0 && errno != EEXIST) || (mkdir(ret_path, 0700) != 0 && errno != EEXIST)) {
        build_end(build, BUILD_BROKEN, "the build cache %s can't be written: %s", tools,
                  strerror(fits ? errno : ENAMETOOLONG));
        return false;
    }
    return true;
}

void build_cut(struct build *build, const char *word)
{
    char *at = strstr(build->result->message, word);
    if (at != NULL) {
        *at = 0;
    }
}

void build_advise(struct build *build, const char *symptom, const char *advice)
{
    char *message = build->result->message;
    size_t length = strlen(message);
    if (strstr(message, symptom) != NULL && length + strlen(advice) + 2 < sizeof build->result->message) {
        snprintf(message + length, sizeof build->result->message - length, "%s%s",
                 length > 0 && message[length - 1] != '\n' ? "\n" : "", advice);
    }
}

bool build_refuse_network(struct build *build, const char *what, const char *instead)
{
    return build_refuse(build,
                        "%s, and this instance fetches nothing while it builds: set build.allowNetwork: true in its "
                        "configuration, or %s",
                        what, instead);
}
