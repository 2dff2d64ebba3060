/* Python: byte-compiled, so that a syntax error is found now and a start need not compile. Packages of requirements.txt
 * go into a folder of the artifact that the SDK's runner puts on the path. Only wheels: a source distribution would run
 * its setup.py here. */
#include "adapters/build/step.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct requirements {
    bool any;
    bool offline; /* the file says --no-index: what it names lies in the function's folder */
    char first[128];
};

static void requirements_read(char *text, struct requirements *ret_requirements)
{
    char *rest = text;
    char *line;
    *ret_requirements = (struct requirements){ 0 };
    while ((line = strsep(&rest, "\r\n")) != NULL) {
        line += strspn(line, " \t");
        if (line[0] == 0 || line[0] == '#') {
            continue;
        }
        if (strncmp(line, "--no-index", strlen("--no-index")) == 0) {
            ret_requirements->offline = true;
        } else if (!ret_requirements->any && line[0] != '-') {
            snprintf(ret_requirements->first, sizeof ret_requirements->first, "%.*s", (int)strcspn(line, " \t#;"),
                     line);
        }
        ret_requirements->any = ret_requirements->any || line[0] != '-' || line[1] == 'r' || line[1] == 'e';
    }
}

static bool python_look(struct build *build)
{
    return build_has_file(build, "main.py") || build_refuse(build, "the folder holds no main.py");
}

static bool python_install(struct build *build, const struct requirements *requirements)
{
    char cache[BUILD_PATH_BYTES_MAX], what[256];
    snprintf(what, sizeof what, "requirements.txt declares packages (%s)", requirements->first);
    if (!requirements->offline && !build->options->network) {
        return build_refuse_network(build, what,
                                    "put the packages into the function's folder, beside main.py, or their wheels into "
                                    "a folder of it that requirements.txt names by --no-index --find-links");
    }
    if (!build_tools_path(build, "pip", cache)) {
        return false;
    }
    const char *argv[] = { build->toolchain.path,
                           "-I",
                           "-m",
                           "pip",
                           "install",
                           "--quiet",
                           "--no-input",
                           "--no-compile",
                           "--disable-pip-version-check",
                           "--no-warn-script-location",
                           "--only-binary=:all:",
                           "--cache-dir",
                           cache,
                           "--target",
                           "../packages",
                           "-r",
                           "requirements.txt",
                           NULL };
    if (build_run(build, &(struct build_tool){ .argv = argv, .folder = "src", .network = !requirements->offline })) {
        return true;
    }
    build_advise(build, "No module named pip", "this machine's Python has no pip: install python3-pip");
    build_advise(build, "No matching distribution",
                 "only wheels are installed: a source distribution would run its "
                 "setup.py while it is built");
    return false;
}

static bool python_compile(struct build *build)
{
    struct requirements requirements = { 0 };
    char *text = build_read_text(build, "src/requirements.txt");
    if (text != NULL) {
        requirements_read(text, &requirements);
        free(text);
    }
    if (requirements.any && !python_install(build, &requirements)) {
        return false;
    }
    /* The artifact never changes, so its byte code need not be compared with the source at each start. */
    const char *own[] = { build->toolchain.path, "-I",  "-S",  "-m", "compileall", "-q", "--invalidation-mode",
                          "unchecked-hash",      "src", "sdk", NULL };
    if (!build_run(build, &(struct build_tool){ .argv = own, .folder = "." })) {
        return false;
    }
    if (requirements.any) { /* some packages hold files for other versions of Python, which don't compile */
        own[8] = "packages";
        own[9] = NULL;
        build_run(build, &(struct build_tool){ .argv = own, .folder = "." });
        build_end(build, BUILD_DONE, "%s", "");
    }
    return true;
}

static bool python_command(struct build *build)
{
    const char *directory = build->result->directory;
    char packages[BUILD_FULL_PATH_BYTES];
    snprintf(packages, sizeof packages, "%s/packages", directory);
    return build_argument(build, "%s", build->toolchain.path) && build_argument(build, "-I") &&
           build_argument(build, "-S") && build_argument(build, "-B") &&
           build_argument(build, "%s/sdk/stead/__main__.py", directory) &&
           build_argument(build, "%s/src/main.py", directory) &&
           (access(packages, R_OK | X_OK) != 0 || build_argument(build, "%s", packages));
}

const struct build_steps build_steps_python = {
    .sdk = "python", .look = python_look, .compile = python_compile, .command = python_command
};
