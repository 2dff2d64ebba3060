/* Finds the command, reads its arguments, forks the spawner if the command starts processes (before any thread exists),
 * runs it, and makes sure that what it printed has arrived. */
#include "cli/command.h"

#include "adapters/spawner/spawner.h"
#include "cli/help.h"
#include "cli/say.h"
#include "serve/replay.h"
#include "sim/sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The core's way out, declared here since the command line does not see the core (core/assert.h). Under simulation and
 * in a replay a failed assertion is a finding, and sim_panicked() and replay_panicked() do not come back. */
_Noreturn void stead_panic(const char *file, int line, const char *condition);

_Noreturn void stead_panic(const char *file, int line, const char *condition)
{
    sim_panicked(file, line, condition);
    replay_panicked(file, line, condition);
    fprintf(stderr, "stead: %s:%d: assertion failed: %s\n", file, line, condition);
    abort();
}

/* Data that did not get out is a failure, whatever the command thought of itself. */
static int output_end(int code)
{
    bool good = fflush(stdout) == 0 && !ferror(stdout);
    if (!good && errno != EPIPE) {
        say_error("stdout can't be written: %s", strerror(errno));
    }
    return code == EXIT_DONE && !good ? EXIT_SAID_NO : code;
}

static int command_run(const struct command *command, struct arguments *arguments)
{
    if (command->spawner) {
        int error = spawner_start(NULL, &arguments->spawner);
        if (error != 0) {
            say_error("no process can be started: %s", strerror(-error));
            return EXIT_UNAVAILABLE;
        }
    }
    int code = command->run(arguments);
    spawner_stop(arguments->spawner);
    return code;
}

static bool wants_help(int argc, char *const *argv)
{
    return argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0);
}

static int dispatch(int argc, char **argv)
{
    static struct arguments arguments; /* 6 KiB that one process needs once */
    static char *version[] = { "version" };
    int used = 0;
    if (argc == 0 || wants_help(argc, argv)) {
        help_overview();
        return argc == 0 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[0], "--version") == 0) {
        argv[0] = version[0];
    }
    const struct command *command = command_find(argc, argv, &used);
    if (command == NULL) {
        command_unknown(argc, argv);
        return EXIT_USAGE;
    }
    if (command->run_raw != NULL && !wants_help(argc - used, argv + used)) {
        return command->run_raw(argc - used + 1, argv + used - 1);
    }
    if (!arguments_read(command, argc - used, argv + used, &arguments)) {
        help_usage(command);
        return EXIT_USAGE;
    }
    if (arguments.help) {
        help_command(command);
        return EXIT_DONE;
    }
    return command_run(command, &arguments);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return output_end(dispatch(argc - 1, argv + 1));
}
