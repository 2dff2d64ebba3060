/* An orchestrator of two children: a nats-server of its own and a `stead serve`, the very program that runs in
 * production. Everything waits by turning the loop, so that signals, the children's lines and their ends are seen at
 * any time.
 *
 * Order: store, broker, serve, deploys, ports file; on a signal serve first (it drains), then the broker. */
#include "cli/dev.h"

#include "adapters/nats/dev_server.h"
#include "cli/dev_banner.h"
#include "cli/dev_child.h"
#include "cli/dev_functions.h"
#include "cli/dev_reload.h"
#include "cli/dev_store.h"
#include "cli/say.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NATS_READY_MS = 15000,
    SERVE_READY_MS = 60000, /* it builds what is stored before it says that it is ready */
    SERVE_STOP_MS = 30000,  /* service.shutdownGrace and some */
    NATS_STOP_MS = 10000,
    ADDRESS_BYTES = 256,
    PORTS_BYTES = 1024,
    ENVIRONMENT_MAX = 200,
    SERVE_WORDS_MAX = 64,
};

struct dev {
    const struct arguments *arguments;
    struct loop *loop;
    struct dev_store store;
    struct dev_children children;
    struct dev_functions functions;
    char nats[DEV_SERVER_URL_BYTES * 4];
    char grpc[ADDRESS_BYTES], http[ADDRESS_BYTES];
    char ports[PORTS_BYTES];
    const char *ports_file;
    struct dev_reload reload;
    bool own_nats;
};

static volatile sig_atomic_t stop_signals; /* The only globals: a signal handler has no argument. */
static struct loop_wake *stop_wake;

static void on_signal(int number)
{
    (void)number;
    stop_signals++;
    loop_wake_signal(stop_wake);
}

static void woken(void *owner)
{
    (void)owner; /* Waking is all: the waits below look at what changed. */
}

static bool stopping(void)
{
    return stop_signals > 0;
}

static bool in_a_hurry(void)
{
    return stop_signals > 1;
}

/* -- the broker ---------------------------------------------------------------------------------------------------- */

static bool nats_alive(void *owner)
{
    struct dev *dev = owner;
    return dev_child_alive(&dev->children, DEV_CHILD_NATS, 5) && !stopping();
}

static int nats_start(struct dev *dev)
{
    struct dev_server server;
    char error[600];
    const char *named = arguments_text(dev->arguments, "nats", NULL);
    if (named != NULL) {
        snprintf(dev->nats, sizeof dev->nats, "%s", named);
        return EXIT_DONE;
    }
    dev->own_nats = true;
    if (!dev_server_prepare(dev->store.nats, 0, &server, error, sizeof error)) {
        say_error("%s", error);
        say("       in the source tree: ci/setup run; or use a broker that runs already: --nats URL");
        return EXIT_UNAVAILABLE;
    }
    struct dev_child *child = &dev->children.list[DEV_CHILD_NATS];
    if (!dev_child_start(&dev->children, DEV_CHILD_NATS, server.arguments, NULL) ||
        !dev_server_wait_ready(&server, child->pid, NATS_READY_MS, nats_alive, dev, dev->nats)) {
        if (child->ended || child->error != 0) {
            dev_child_obituary(child);
        } else if (!stopping()) {
            say_error("nats-server did not get ready within %d s; its files: %s", NATS_READY_MS / 1000,
                      dev->store.nats);
        }
        return EXIT_UNAVAILABLE;
    }
    return EXIT_DONE;
}

/* -- serve --------------------------------------------------------------------------------------------------------- */

/* What `stead serve` gets of our environment. With a broker of our own, nothing that names another one. */
static size_t environment_choose(const struct dev *dev, const char **ret_list)
{
    static const char *const prefixes[] = {
        "PATH=",         "HOME=",         "TMPDIR=",     "LANG=",        "LC_",           "TZ=",
        "STEAD_",        "NATS_",         "NO_COLOR=",   "XDG_",         "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
        "LSAN_OPTIONS=", "TSAN_OPTIONS=", "HTTP_PROXY=", "HTTPS_PROXY=", "NO_PROXY=",     "http_proxy=",
        "https_proxy=",  "no_proxy=",     "SSL_CERT_",   "GOPROXY=",     "GOSUMDB=",      "PIP_",
        "NPM_CONFIG_",   "npm_config_"
    }; /* from HTTP_PROXY on: for builds that fetch packages */
    static const char *const brokers[] = { "NATS_", "STEAD_NATS_" };
    size_t count = 0;
    for (char **entry = environ; *entry != NULL && count < ENVIRONMENT_MAX - 1; entry++) {
        bool wanted = false;
        for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
            wanted = wanted || strncmp(*entry, prefixes[i], strlen(prefixes[i])) == 0;
        }
        for (size_t i = 0; dev->own_nats && i < sizeof brokers / sizeof brokers[0]; i++) {
            wanted = wanted && strncmp(*entry, brokers[i], strlen(brokers[i])) != 0;
        }
        if (wanted) {
            ret_list[count++] = *entry;
        }
    }
    ret_list[count] = NULL;
    return count;
}

/* argv of `stead serve`. Ours come first and a user's --set after them, so that the user has the last word. */
static void serve_words(const struct dev *dev, const char *program, const char **ret_words)
{
    size_t count = 0;
    const char *const ours[] = { program,        "serve",
                                 "--grpc",       arguments_text(dev->arguments, "grpc", "127.0.0.1:7600"),
                                 "--http",       arguments_text(dev->arguments, "http", "127.0.0.1:7601"),
                                 "--nats",       dev->nats,
                                 "--store",      dev->store.serve,
                                 "--ports-file", dev->store.ports,
                                 "--set",        "log.format=logfmt" };
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        ret_words[count++] = ours[i];
    }
    for (uint32_t i = 0; i < dev->arguments->option_count && count + 2 < SERVE_WORDS_MAX; i++) {
        if (strcmp(dev->arguments->options[i].option->name, "set") == 0) {
            ret_words[count++] = "--set";
            ret_words[count++] = dev->arguments->options[i].value;
        }
    }
    ret_words[count] = NULL;
}

static bool ports_take(struct dev *dev)
{
    if (!dev_store_read(dev->store.ports, dev->ports, sizeof dev->ports)) {
        return false;
    }
    cJSON *root = cJSON_Parse(dev->ports);
    const char *grpc = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "grpc"));
    const char *http = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "http"));
    bool good = grpc != NULL && http != NULL;
    if (good) {
        snprintf(dev->grpc, sizeof dev->grpc, "%s", grpc);
        snprintf(dev->http, sizeof dev->http, "%s", http);
    }
    cJSON_Delete(root);
    return good;
}

/* serve ended by itself: its lines and what to do. Gives the exit code. */
static int serve_lost(const struct dev *dev)
{
    const struct dev_child *child = &dev->children.list[DEV_CHILD_SERVE];
    dev_child_obituary(child);
    if (dev_child_said(child, "in use")) {
        say("       another program has that port: stop it, or let free ports be picked: "
            "--grpc 127.0.0.1:0 --http 127.0.0.1:0");
    }
    return child->exit.status == EXIT_CONFIGURATION ? EXIT_CONFIGURATION : EXIT_UNAVAILABLE;
}

static int serve_start(struct dev *dev)
{
    char program[4096];
    const char *words[SERVE_WORDS_MAX + 1], *environment[ENVIRONMENT_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) {
        say_error("/proc is not mounted: stead dev needs it to start stead serve");
        return EXIT_UNAVAILABLE;
    }
    program[length] = '\0';
    serve_words(dev, program, words);
    environment_choose(dev, environment);
    if (!dev_child_start(&dev->children, DEV_CHILD_SERVE, words, environment)) {
        return serve_lost(dev);
    }
    uint64_t end_ns = loop_now_ns() + (uint64_t)SERVE_READY_MS * 1000000;
    while (!ports_take(dev)) {
        bool alive = dev_child_alive(&dev->children, DEV_CHILD_SERVE, 10);
        if (stopping()) {
            return EXIT_UNAVAILABLE;
        }
        if (!alive) {
            return serve_lost(dev);
        }
        if (loop_now_ns() > end_ns) {
            say_error("stead serve is not ready after %d s: is %s a nats-server with JetStream? see --verbose",
                      SERVE_READY_MS / 1000, dev->nats);
            return EXIT_UNAVAILABLE;
        }
    }
    return EXIT_DONE;
}

/* -- deploys and the stay ------------------------------------------------------------------------------------------ */

static int functions_find(struct dev *dev)
{
    static const char *const here[] = { "." };
    const struct arguments *arguments = dev->arguments;
    bool named = arguments->word_count > 0;
    return dev_reload_find(&dev->reload, &dev->functions, named ? arguments->words : here,
                           named ? arguments->word_count : 1)
               ? EXIT_DONE
               : EXIT_USAGE;
}

/* True while both children live and nobody asked to stop. */
static bool turn(struct dev *dev, uint32_t wait_ms)
{
    bool serve = dev_child_alive(&dev->children, DEV_CHILD_SERVE, wait_ms);
    return serve && (!dev->own_nats || dev_child_alive(&dev->children, DEV_CHILD_NATS, 0)) && !stopping();
}

static int child_lost(const struct dev *dev)
{
    if (stopping()) {
        return EXIT_DONE;
    }
    if (dev->own_nats && dev->children.list[DEV_CHILD_NATS].ended) {
        dev_child_obituary(&dev->children.list[DEV_CHILD_NATS]);
        return EXIT_UNAVAILABLE;
    }
    return serve_lost(dev);
}

static bool functions_deploy(struct dev *dev)
{
    if (!dev_functions_start(&dev->functions, dev->grpc, dev->loop, woken, dev) ||
        !dev_reload_begin(&dev->reload, dev->loop)) {
        say_error("no thread for the deploys: %s", strerror(errno));
        return false;
    }
    while (!dev->reload.settled) {
        if (!turn(dev, 1000)) {
            return false;
        }
        dev_reload_turn(&dev->reload);
    }
    return true;
}

static int stay(struct dev *dev)
{
    if (!functions_deploy(dev)) {
        return child_lost(dev);
    }
    if (dev->ports_file != NULL && !dev_store_write(dev->ports_file, dev->ports)) {
        say_error("%s can't be written: %s", dev->ports_file, strerror(errno));
        return EXIT_USAGE;
    }
    dev_banner_next(dev->grpc, &dev->functions);
    while (turn(dev, dev_reload_wait_ms(&dev->reload))) {
        dev_reload_turn(&dev->reload);
    }
    return child_lost(dev);
}

static int start_and_stay(struct dev *dev)
{
    int code = functions_find(dev);
    code = code == EXIT_DONE ? nats_start(dev) : code;
    code = code == EXIT_DONE ? serve_start(dev) : code;
    if (code == EXIT_DONE) {
        dev_banner_place(&(struct dev_place){ .grpc = dev->grpc,
                                              .http = dev->http,
                                              .nats = dev->nats,
                                              .own_nats = dev->own_nats,
                                              .store = dev->store.directory });
        code = stay(dev);
    }
    return stopping() ? EXIT_DONE : code;
}

static void stop(struct dev *dev)
{
    if (stopping()) {
        say("stopping");
    }
    if (dev->ports_file != NULL) {
        unlink(dev->ports_file);
    }
    dev_reload_stop(&dev->reload);
    dev_child_stop(&dev->children, DEV_CHILD_SERVE, SIGTERM, SERVE_STOP_MS, in_a_hurry);
    dev_functions_free(&dev->functions); /* Its calls end with serve. */
    dev_child_stop(&dev->children, DEV_CHILD_NATS, SIGINT, NATS_STOP_MS, in_a_hurry);
    unlink(dev->store.ports);
}

static void signals_handle(void (*handler)(int number))
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

static int dev_start(struct dev *dev)
{
    int error = loop_create(&dev->loop);
    error = error == 0 ? loop_wake_create(dev->loop, woken, dev, &stop_wake) : error;
    error = error == 0 ? dev_children_start(&dev->children, dev->arguments->spawner, dev->loop,
                                            arguments_has(dev->arguments, "verbose"))
                       : error;
    if (error != 0) {
        say_error("no event loop: %s", strerror(-error));
        return EXIT_UNAVAILABLE;
    }
    signals_handle(on_signal);
    return EXIT_DONE;
}

int dev_run(const struct arguments *arguments)
{
    char error[DEV_PATH_BYTES + 200];
    int code;
    struct dev *dev = calloc(1, sizeof *dev);
    if (dev == NULL) {
        say_error("out of memory");
        return EXIT_TRY_AGAIN;
    }
    dev->arguments = arguments;
    dev->ports_file = arguments_text(arguments, "ports-file", NULL);
    if (dev->ports_file != NULL) {
        unlink(dev->ports_file); /* An old one would say that we are ready. */
    }
    if (!dev_store_open(arguments_text(arguments, "store", NULL), &dev->store, &code, error, sizeof error)) {
        say_error("%s", error);
        free(dev);
        return code;
    }
    code = dev_start(dev);
    if (code == EXIT_DONE) {
        code = start_and_stay(dev);
        stop(dev);
        signals_handle(SIG_IGN); /* A late one would use the loop that ends here. */
        dev_children_free(&dev->children);
        loop_wake_free(stop_wake);
        loop_free(dev->loop);
    }
    dev_store_close(&dev->store);
    free(dev);
    return code;
}
