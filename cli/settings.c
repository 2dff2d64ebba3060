/* Flags become config_flag entries by one table; --set brings any other key. */
#include "cli/settings.h"

#include "adapters/log/log.h"
#include "cli/say.h"
#include "serve/serve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLAGS_MAX = 64, PATH_BYTES = 128 };

static const struct {
    const char *option;
    const char *path;
    const char *flag;
} shortcuts[] = {
    { "grpc", "grpc.listen", "--grpc" },
    { "http", "http.listen", "--http" },
    { "nats", "nats.url", "--nats" },
    { "store", "store.directory", "--store" },
};

struct flags {
    struct config_flag list[FLAGS_MAX];
    char paths[FLAGS_MAX][PATH_BYTES];
    size_t count;
};

static bool path_known(const char *path)
{
    char near[CONFIG_NEAR_BYTES];
    if (config_path_known(path, near)) {
        return true;
    }
    say_error("--set %s: there is no such key", path);
    say("       %s%s", near[0] == '\0' ? "all keys: stead config print" : "did you mean: ", near);
    return false;
}

static bool flag_set(struct flags *flags, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t length = equals == NULL ? 0 : (size_t)(equals - text);
    if (length == 0 || length >= PATH_BYTES) {
        say_error("--set %s: write it as key=value, such as --set log.level=debug", text);
        return false;
    }
    char *path = flags->paths[flags->count];
    memcpy(path, text, length);
    path[length] = '\0';
    if (!path_known(path)) {
        return false;
    }
    flags->list[flags->count++] = (struct config_flag){ path, equals + 1, "--set" };
    return true;
}

static bool flags_collect(const struct arguments *arguments, struct flags *flags)
{
    for (uint32_t i = 0; i < arguments->option_count; i++) {
        const char *name = arguments->options[i].option->name, *value = arguments->options[i].value;
        if (flags->count == FLAGS_MAX) {
            say_error("too many options: at most %d; put the rest into a file, --config FILE", FLAGS_MAX);
            return false;
        }
        if (strcmp(name, "set") == 0 && !flag_set(flags, value)) {
            return false;
        }
        for (size_t k = 0; k < sizeof shortcuts / sizeof shortcuts[0]; k++) {
            if (strcmp(name, shortcuts[k].option) == 0) {
                flags->list[flags->count++] = (struct config_flag){ shortcuts[k].path, value, shortcuts[k].flag };
            }
        }
    }
    return true;
}

static const char *config_file(const struct arguments *arguments)
{
    const char *named = getenv("STEAD_CONFIG");
    const char *file = arguments_text(arguments, "config", named != NULL && named[0] != '\0' ? named : NULL);
    return arguments->command->words_max > 0 && arguments->word_count > 0 ? arguments->words[0] : file;
}

/* What a configuration is read from. It borrows from `flags`, which borrow from the arguments. */
static bool sources_of(const struct arguments *arguments, struct flags *flags, struct config_sources *ret_sources)
{
    *flags = (struct flags){ 0 };
    if (!flags_collect(arguments, flags)) {
        return false;
    }
    *ret_sources = (struct config_sources){ .file = config_file(arguments),
                                            .environment = (const char *const *)environ,
                                            .flags = flags->list,
                                            .flag_count = flags->count };
    return true;
}

/* The exit code is EXIT_DONE, EXIT_USAGE or EXIT_CONFIGURATION. */
static int load(const struct arguments *arguments, struct flags *flags, struct config_sources *ret_sources,
                struct config *ret_config, struct config_problems *problems)
{
    if (!sources_of(arguments, flags, ret_sources)) {
        return EXIT_USAGE;
    }
    return config_load(ret_sources, ret_config, problems) ? EXIT_DONE : EXIT_CONFIGURATION;
}

static int load_or_say(const struct arguments *arguments, struct flags *flags, struct config_sources *ret_sources,
                       struct config *ret_config)
{
    struct config_problems problems = { 0 };
    int code = load(arguments, flags, ret_sources, ret_config, &problems);
    if (code == EXIT_CONFIGURATION) {
        config_check_print(&problems, NULL, stderr, false);
        say("       all keys: stead config schema --markdown");
    }
    return code;
}

bool settings_load(const struct arguments *arguments, struct config *ret_config, int *ret_exit)
{
    struct flags flags;
    struct config_sources sources;
    *ret_exit = load_or_say(arguments, &flags, &sources, ret_config);
    return *ret_exit == EXIT_DONE;
}

/* Problems go to stderr, like any error; what holds instead of what was written is the answer and goes to stdout. */
int config_check_run(const struct arguments *arguments)
{
    struct flags flags;
    struct config_sources sources;
    struct config config;
    struct config_problems problems = { 0 };
    bool json = arguments_has(arguments, "json");
    int code = load(arguments, &flags, &sources, &config, &problems);
    if (code == EXIT_USAGE) {
        return code;
    }
    bool good = code == EXIT_DONE;
    config_check_print(&problems, good ? &config : NULL, json || good ? stdout : stderr, json);
    if (good) {
        say("the configuration is good");
        say_next("stead config print");
        config_free(&config);
    }
    return code;
}

int config_print_run(const struct arguments *arguments)
{
    struct config config;
    int code;
    if (settings_load(arguments, &config, &code)) {
        config_print(&config, stdout, arguments_has(arguments, "json"));
        config_free(&config);
    }
    return code;
}

int config_schema_run(const struct arguments *arguments)
{
    if (arguments_has(arguments, "markdown")) {
        config_page_print(stdout);
    } else if (arguments_has(arguments, "manifest")) {
        manifest_schema_print(stdout);
    } else {
        config_schema_print(stdout);
    }
    return EXIT_DONE;
}

static void log_begin(const struct config *config)
{
    static const enum log_level levels[] = { [CONFIG_LOG_DEBUG] = LOG_LEVEL_DEBUG,
                                             [CONFIG_LOG_INFO] = LOG_LEVEL_INFO,
                                             [CONFIG_LOG_WARN] = LOG_LEVEL_WARN,
                                             [CONFIG_LOG_ERROR] = LOG_LEVEL_ERROR };
    static const enum log_format formats[] = { [CONFIG_LOG_AUTO] = LOG_FORMAT_AUTO,
                                               [CONFIG_LOG_LOGFMT] = LOG_FORMAT_LOGFMT,
                                               [CONFIG_LOG_JSON] = LOG_FORMAT_JSON };
    log_start((struct log_options){
        .level = levels[config->log_level], .format = formats[config->log_format], .fd = STDERR_FILENO });
    for (size_t i = 0; i < config_note_count(config); i++) {
        log_info("system.config", "setting explained", LOG_TEXT("what", config_note(config, i)));
    }
}

int serve_command_run(const struct arguments *arguments)
{
    struct flags flags;
    struct config_sources sources;
    struct config config;
    int code = load_or_say(arguments, &flags, &sources, &config);
    if (code != EXIT_DONE) {
        return code;
    }
    log_begin(&config);
    struct serve_options options = { .config = &config,
                                     .sources = &sources,
                                     .spawner = arguments->spawner,
                                     .ports_file = arguments_text(arguments, "ports-file", NULL) };
    code = serve_run(&options);
    config_free(&config);
    return code;
}
