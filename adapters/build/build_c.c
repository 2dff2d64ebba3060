/* C: all *.c files of the function and the SDK in one call of the compiler, hardened as Stead itself is. */
#include "adapters/build/step.h"

enum { C_FILES_MAX = 200 };

static bool c_look(struct build *build)
{
    size_t files = 0;
    for (size_t i = 0; i < build->source.count; i++) {
        const char *path = build->source.files[i].path;
        if (source_has_suffix(path, ".c")) {
            if (path[0] == '-' || ++files > C_FILES_MAX) {
                return build_refuse(build, "%s: more than %d *.c files, or one whose name begins with '-'", build->name,
                                    C_FILES_MAX);
            }
        }
    }
    return files > 0 || build_refuse(build, "the folder holds no *.c file");
}

static bool c_compile(struct build *build)
{
    static const char *const flags[] = {
        "-std=gnu11",
        "-O2",
        "-g",
        "-Wall",
        "-fstack-protector-strong",
        "-D_FORTIFY_SOURCE=2",
        "-fPIE",
        "-pie",
        "-Wl,-z,relro,-z,now",
        "-I../sdk",
        "-I.",
        "-o",
        "../plugin",
        "../sdk/stead/plugin.c",
        "../sdk/stead/wire.c",
        "../sdk/stead/answer.c",
    };
    enum { FLAG_COUNT = sizeof flags / sizeof flags[0] };
    const char *argv[1 + FLAG_COUNT + C_FILES_MAX + 2] = { build->toolchain.path };
    size_t count = 1;
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        argv[count++] = flags[i];
    }
    for (size_t i = 0; i < build->source.count; i++) {
        if (source_has_suffix(build->source.files[i].path, ".c")) {
            argv[count++] = build->source.files[i].path;
        }
    }
    argv[count++] = "-lm";
    argv[count] = NULL;
    return build_run(build, &(struct build_tool){ .argv = argv, .folder = "src" });
}

static bool c_command(struct build *build)
{
    return build_argument(build, "%s/plugin", build->result->directory);
}

const struct build_steps build_steps_c = { .sdk = "c", .look = c_look, .compile = c_compile, .command = c_command };
