/* What the parts of a build share: the build at work, and one row of functions for each language. Private to this
 * folder.
 *
 * A build goes look -> compile -> command. `look` reads the staged source in <work>/src and refuses what can't be
 * built; `compile` makes the artifact in <work> and is left out if one of the same digest exists; `command` appends
 * argv by build_argument(), for the artifact in its final place. Each returns false after build_end() said why. */
#ifndef STEAD_ADAPTERS_BUILD_STEP_H
#define STEAD_ADAPTERS_BUILD_STEP_H

#include "adapters/build/build.h"
#include "adapters/build/source.h"

enum {
    BUILD_TEXT_BYTES_MAX = 1024 * 1024,
    BUILD_FULL_PATH_BYTES = 2 * BUILD_PATH_BYTES_MAX + 64, /* a folder of ours and a path in the source */
    BUILD_ENVIRONMENT_MAX = 40,
};

struct build {
    const struct build_options *options;
    enum build_language language;
    const char *name;
    const char *source_directory;
    struct build_result *result;
    struct build_toolchain toolchain;
    struct source source, sdk;
    uint64_t time_limit_ms;
    uint64_t deadline_ms;             /* by the monotonic clock; no tool runs longer */
    char work[BUILD_PATH_BYTES_MAX];  /* the temporary folder; "" if none */
    char entry[BUILD_PATH_BYTES_MAX]; /* what is started, relative to the source; where `look` must find it */
};

struct build_steps {
    const char *sdk; /* folder of the SDK, NULL: none */
    bool (*look)(struct build *build);
    bool (*compile)(struct build *build);
    bool (*command)(struct build *build);
};

extern const struct build_steps build_steps_bin, build_steps_c, build_steps_go, build_steps_js, build_steps_python;

void build_end(struct build *build, enum build_outcome outcome, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Ends with BUILD_REFUSED; always false. */
bool build_refuse(struct build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends one argument of the artifact's command. */
bool build_argument(struct build *build, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True if the staged source has that file. */
bool build_has_file(const struct build *build, const char *path);
/* A file of the work folder as text with a NUL, at most 1 MiB, which the caller frees; NULL if it can't be read. */
char *build_read_text(const struct build *build, const char *path);
bool build_write_text(struct build *build, const char *path, const char *text);

uint64_t build_now_ms(void);

/* One run of a tool. */
struct build_tool {
    const char *const *argv;
    const char *folder;     /* working directory, relative to the work folder */
    const char *const *env; /* NAME=value, NULL-terminated, beside what every tool gets; NULL: none */
    const char *tools;      /* folder below <cache>/tools that is its HOME; NULL: "home" */
    bool network;           /* it gets the operator's settings of proxies, mirrors and registries too */
    char **ret_output;      /* not NULL: gets up to 1 MiB of what it said if it is done, and the caller frees it */
};

/* Runs it; its output is the message, with our own paths taken out. False if it failed, with what it said. */
bool build_run(struct build *build, const struct build_tool *tool);
/* Writes <cache>/tools/<what>, or the same below $STEAD_BUILD_TOOLS, made if missing. */
bool build_tools_path(struct build *build, const char *what, char ret_path[BUILD_PATH_BYTES_MAX]);
/* Ends the message before `word`, if it is in it. */
void build_cut(struct build *build, const char *word);
/* Adds a line of advice to the message of a build that failed, if the message holds `symptom`. */
void build_advise(struct build *build, const char *symptom, const char *advice);
/* Ends with BUILD_REFUSED: `what` is declared ("go.mod declares x") and may not be fetched here. Always false. */
bool build_refuse_network(struct build *build, const char *what, const char *instead);

#endif
