/* The table. Help texts are sentences without a final stop in `help`, with one in `about`; nothing in them depends on
 * the machine. To add a command: a line here and a function that takes its arguments. */
#include "cli/command.h"

#include "cli/completion.h"
#include "cli/deploy.h"
#include "cli/dev.h"
#include "cli/doctor.h"
#include "cli/function.h"
#include "cli/help.h"
#include "cli/instances.h"
#include "cli/invoke.h"
#include "cli/man.h"
#include "cli/new.h"
#include "cli/plugin_check.h"
#include "cli/replay.h"
#include "cli/result.h"
#include "cli/sdk.h"
#include "cli/settings.h"
#include "cli/sim.h"
#include "cli/version.h"
#include "cli/versions.h"

#define NO_OPTION                                                                                                      \
    {                                                                                                                  \
        NULL, 0, NULL, NULL                                                                                            \
    }
#define OPTION_JSON                                                                                                    \
    {                                                                                                                  \
        "json", 0, NULL, "print JSON on stdout"                                                                        \
    }
#define OPTION_ADDR                                                                                                    \
    {                                                                                                                  \
        "addr", 'a', "ADDR", "where Stead is; STEAD_ADDR, else 127.0.0.1:7600"                                         \
    }
#define OPTION_CONFIG                                                                                                  \
    {                                                                                                                  \
        "config", 'c', "FILE", "configuration file; STEAD_CONFIG otherwise"                                            \
    }
#define OPTION_GRPC                                                                                                    \
    {                                                                                                                  \
        "grpc", 0, "ADDR", "address of the gRPC service; port 0 picks a free one"                                      \
    }
#define OPTION_HTTP                                                                                                    \
    {                                                                                                                  \
        "http", 0, "ADDR", "address of /metrics, /livez and /readyz; port 0 picks a free one"                          \
    }
#define OPTION_PORTS                                                                                                   \
    {                                                                                                                  \
        "ports-file", 0, "FILE", "write {\"grpc\", \"http\", \"nats\"} there once everything is ready"                 \
    }
#define OPTION_SET                                                                                                     \
    {                                                                                                                  \
        "set", 's', "KEY=VALUE", "any key of the configuration; may be repeated"                                       \
    }

#define OPTION_WAIT                                                                                                    \
    {                                                                                                                  \
        "wait", 'w', NULL, "until every instance has it ready and runs nothing older"                                  \
    }
#define OPTION_TIMEOUT(otherwise)                                                                                      \
    {                                                                                                                  \
        "timeout", 0, "TIME", "how long to wait, such as 500ms or 5s; " otherwise " otherwise"                         \
    }

#define OPTIONS_EVENT                                                                                                  \
    { "data", 'd', "DATA", "the event's data: text, @FILE, or - for stdin" },                                          \
        { "content-type", 0, "TYPE", "of the data; JSON, text or bytes by content otherwise" },                        \
        { "type", 't', "TYPE", "the event's type; stead.invoke.v1 otherwise" },                                        \
        { "source", 0, "SOURCE", "the event's source; stead:cli otherwise" },                                          \
    {                                                                                                                  \
        "id", 0, "ID", "the event's id; the same id and source again get the first result"                             \
    }

#define LANGUAGES "bin|c|go|js|python"

static const struct option dev_options[] = {
    OPTION_GRPC,
    OPTION_HTTP,
    { "nats", 0, "URL", "use this broker and start none" },
    { "store", 0, "DIR", "keep everything here; $XDG_STATE_HOME/stead/dev otherwise" },
    OPTION_PORTS,
    OPTION_SET,
    { "verbose", 'v', NULL, "show every line of the children" },
    NO_OPTION,
};
static const struct option serve_options[] = {
    OPTION_CONFIG,
    OPTION_GRPC,
    OPTION_HTTP,
    { "nats", 0, "URL", "the broker" },
    { "store", 0, "DIR", "folder for built functions" },
    OPTION_PORTS,
    OPTION_SET,
    NO_OPTION,
};
static const struct option deploy_options[] = {
    { "name", 'n', "FUNCTION", "name of the function; the manifest's or the folder's otherwise" },
    { "language", 'l', LANGUAGES, "told by content otherwise" },
    OPTION_WAIT,
    { "canary", 0, "PERCENT", "give the new version this share of the requests, 1 to 99" },
    { "alias", 0, "ALIAS", "move this alias instead of live" },
    OPTION_TIMEOUT("5m"),
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option invoke_options[] = {
    OPTIONS_EVENT, OPTION_TIMEOUT("30s"), OPTION_ADDR, OPTION_JSON, NO_OPTION,
};
static const struct option submit_options[] = { OPTIONS_EVENT, OPTION_TIMEOUT("10s"), OPTION_ADDR, OPTION_JSON,
                                                NO_OPTION };
static const struct option result_options[] = {
    { "wait", 'w', NULL, "until there is one" }, OPTION_TIMEOUT("30s"), OPTION_ADDR, OPTION_JSON, NO_OPTION
};
static const struct option move_options[] = { OPTION_WAIT, OPTION_TIMEOUT("2m"), OPTION_ADDR, OPTION_JSON, NO_OPTION };
static const struct option alias_options[] = {
    { "rm", 0, "ALIAS", "remove this one" }, OPTION_WAIT, OPTION_TIMEOUT("2m"), OPTION_ADDR, OPTION_JSON, NO_OPTION
};
static const struct option remove_options[] = {
    { "now", 0, NULL, "end queued requests as failed instead of running them" },
    OPTION_TIMEOUT("2m"),
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option admin_options[] = { OPTION_ADDR, OPTION_JSON, NO_OPTION };
static const struct option list_options[] = {
    { "language", 'l', LANGUAGES, "only functions in this one" }, OPTION_ADDR, OPTION_JSON, NO_OPTION
};
static const struct option sim_run_options[] = {
    { "seed", 0, "N", "which world" },
    { "steps", 0, "N", "how many steps of the cores before everything is healed" },
    { "schedule", 0, "FILE", "play what the file says instead of what a seed draws" },
    { "schedule-out", 0, "FILE", "write what happened as a schedule" },
    { "trace", 0, NULL, "print the story" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option sim_shrink_options[] = {
    { "seed", 0, "N", "the world that fails" },
    { "schedule", 0, "FILE", "or a schedule that fails" },
    { "steps", 0, "N", "how many steps of the cores before everything is healed" },
    { "out", 0, "FILE", "where the small schedule goes (shrunk.schedule)" },
    { "runs", 0, "N", "stop after so many runs (20000)" },
    NO_OPTION,
};
static const struct option sim_swarm_options[] = {
    { "seeds", 0, "A..B", "which worlds" },
    { "jobs", 0, "J", "threads" },
    { "steps", 0, "N", "how many steps of the cores each" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option replay_options[] = {
    { "to", 0, "N", "stop after this step" },
    { "dump", 0, NULL, "print the last steps, what came in and what was asked for, and the state after them" },
    { "any-build", 0, NULL, "also what a core of other sources recorded: tells what differs" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option config_options[] = { OPTION_CONFIG, OPTION_SET, OPTION_JSON, NO_OPTION };
static const struct option schema_options[] = { { "markdown", 0, NULL, "the reference page instead" },
                                                { "manifest", 0, NULL, "of stead.yaml, a function's manifest" },
                                                NO_OPTION };
static const struct option doctor_options[] = {
    OPTION_CONFIG,
    { "nats", 0, "URL", "the broker" },
    { "store", 0, "DIR", "folder for built functions" },
    OPTION_SET,
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option version_options[] = { OPTION_JSON, NO_OPTION };
static const struct option new_options[] = { { "language", 'l', "c|go|js|python", "in which it is written" },
                                             NO_OPTION };
static const struct option completion_options[] = { OPTION_ADDR, NO_OPTION };
static const struct option help_options[] = { { "markdown", 0, NULL, "the reference page" },
                                              { "man", 0, MAN_PAGES, "a man page, as roff" },
                                              NO_OPTION };

static int sim_raw(int argc, char **argv)
{
    return sim_main(argc + 1, argv - 1); /* It reads its verb itself: argv[0] is "sim". */
}

const struct command commands[] = {
    { "dev", "[DIR...]", 0, ARGUMENTS_MAX, "Run everything here, with a broker of its own",
      "Starts a nats-server on a free port and `stead serve`, deploys every folder in each DIR (or the one here) that "
      "holds\n"
      "a function, says what is where, and stays until Ctrl-C. What changes in these folders is deployed again, what "
      "comes is\n"
      "deployed, what goes is taken out of service if it was not there before. A second Ctrl-C does not wait for what "
      "runs.\n"
      "Queues, results and functions are kept in the store for the next time.",
      "stead dev examples", dev_options, true, dev_run, NULL },
    { "new", "NAME [DIR]", 1, 2, "Make a folder with a function that works",
      "DIR is ./NAME if it is not named; a folder that has anything in it is not touched. There are the code, a test "
      "that\n"
      "needs no server, stead.yaml and a README.",
      "stead new hello --language python", new_options, false, new_run, NULL },
    { "serve", "", 0, 0, "Run the service",
      "Connects to the broker and serves until SIGTERM or SIGINT; then takes nothing new and finishes what runs. "
      "Flags\n"
      "override STEAD_... variables, which override the file.",
      "stead serve --config /etc/stead/stead.yaml", serve_options, true, serve_command_run, NULL },
    { "deploy", "DIR", 1, 1, "Deploy the function in a folder",
      "Sends the folder (at most 1000 files and 16 MiB; hidden names and __pycache__ stay behind), waits until it is "
      "built\n"
      "and runs. If it does not build, the compiler's message is shown and the version before goes on. A stead.yaml in "
      "it is\n"
      "optional. With `--wait` it ends when every instance has the new version, or one has failed.",
      "stead deploy hello --wait", deploy_options, false, deploy_run, NULL },
    { "invoke", "FUNCTION[@ALIAS]", 1, 1, "Call a function and print its answer",
      "Only the body of the answer goes to stdout, byte for byte; id, time and attempts go to stderr. An error of the\n"
      "function itself is exit code 1.",
      "stead invoke stats -d '{\"values\": [1, 2, 3]}'", invoke_options, false, invoke_run, NULL },
    { "submit", "FUNCTION[@ALIAS]", 1, 1, "Hand in a request and print its id",
      "Answers as soon as the broker has stored the request. The id alone goes to stdout.",
      "id=$(stead submit stats -d '{\"values\": [1, 2, 3]}')", submit_options, false, submit_run, NULL },
    { "result", "ID", 1, 1, "Print the result of a request",
      "Whoever made the request, and by whichever door. Only the body goes to stdout; if there is none yet, the exit "
      "code is\n"
      "75, and 1 if it did not succeed.",
      "stead result 5f2c7a --wait", result_options, false, result_run, NULL },
    { "cancel", "ID", 1, 1, "End a request that is queued or running",
      "Its result is then `cancelled`. Exit code 1 if it has ended already.", "stead cancel 5f2c7a", admin_options,
      false, cancel_run, NULL },
    { "function ls", "", 0, 0, "List what is deployed", NULL, "stead function ls --json", list_options, false,
      function_ls_run, NULL },
    { "function get", "FUNCTION", 1, 1, "Show one function", NULL, "stead function get stats", admin_options, false,
      function_get_run, NULL },
    { "function versions", "FUNCTION", 1, 1, "List the versions that are kept",
      "The newest first, with the aliases that name each and the weight of each that does not get all.",
      "stead function versions stats", admin_options, false, function_versions_run, NULL },
    { "function rollback", "FUNCTION [VERSION]", 1, 2, "Give callers a version from before",
      "The one that was live before, if none is named. Nothing is built. After `--wait`, no call runs on another "
      "version.",
      "stead function rollback stats --wait", move_options, false, function_rollback_run, NULL },
    { "function alias", "FUNCTION [ALIAS VERSION[=WEIGHT]...]", 1, ARGUMENTS_MAX, "List or set aliases",
      "Callers get `live`, or name another: stats@beta. An alias divides its requests among up to four versions by "
      "weights\n"
      "that sum up to 100.",
      "stead function alias stats live 1f3a=90 77c0=10", alias_options, false, function_alias_run, NULL },
    { "function rm", "FUNCTION", 1, 1, "Remove a function",
      "New calls are refused, queued ones end first. Stored results stay until they expire.", "stead function rm stats",
      remove_options, false, function_rm_run, NULL },
    { "instance ls", "", 0, 0, "List the live instances", NULL, "stead instance ls --json", admin_options, false,
      instance_ls_run, NULL },
    { "sim run", "", 0, 0, "Play one simulated world",
      "Real cores against a modelled broker, workers, clients and faults; the same seed is the same run everywhere.",
      "stead sim run --seed 42 --trace", sim_run_options, false, NULL, sim_raw },
    { "sim shrink", "", 0, 0, "Make a failing simulated world small",
      "Leaves out and lowers what the failure does not need. Writes the schedule and its trace.",
      "stead sim shrink --seed 42", sim_shrink_options, false, NULL, sim_raw },
    { "sim swarm", "", 0, 0, "Play many simulated worlds", "Ends with 0 only if no world broke a promise.",
      "stead sim swarm --seeds 1..1000 --jobs 2", sim_swarm_options, false, NULL, sim_raw },
    { "replay", "JOURNAL", 1, 1, "Run a recorded journal again and compare",
      "JOURNAL is the folder (its newest run) or one of its files. The core of this program gets what the service saw "
      "and must\n"
      "come to the same states and ask for the same effects; the first difference is named. Exit code 1 if there is "
      "one, if\n"
      "the core fails an assertion, or if the journal is damaged.",
      "stead replay /var/lib/stead/journal --dump", replay_options, false, replay_command_run, NULL },
    { "plugin check", "PROGRAM [ARGUMENT...]", 1, ARGUMENTS_MAX, "Check that a program speaks pipe/1",
      "Talks to the program as Stead would, also in the ways that rarely happen, and prints TAP.",
      "stead plugin check ./hello", NULL, false, NULL, plugin_check_main },
    { "config check", "[FILE]", 0, 1, "Check a configuration",
      "Problems name the file, line and column, and the nearest key.", "stead config check stead.yaml", config_options,
      false, config_check_run, NULL },
    { "config print", "[FILE]", 0, 1, "Print every key with its value and where that comes from", NULL,
      "stead config print", config_options, false, config_print_run, NULL },
    { "config schema", "", 0, 0, "Print the JSON Schema of the configuration", NULL, "stead config schema",
      schema_options, false, config_schema_run, NULL },
    { "doctor", "", 0, 0, "Tell whether broker and machine are safe for functions",
      "Each line is ok, WARN or FAIL, with what to do. Exit code 1 if one is a FAIL.",
      "stead doctor --nats nats://127.0.0.1:4222", doctor_options, true, doctor_run, NULL },
    { "sdk", "[c|go|js|python]", 0, 1, "Print where the SDKs are", "For tests without a server, and for editors.",
      "PYTHONPATH=\"$(stead sdk python)\" python3 -m unittest", NULL, false, sdk_run, NULL },
    { "completion", "bash|zsh|fish|functions", 1, 1, "Print the completion of a shell",
      "`functions` prints the names of what is deployed, which the scripts ask for, and nothing if no Stead answers.",
      "source <(stead completion bash)", completion_options, false, completion_run, NULL },
    { "version", "", 0, 0, "Print versions", NULL, "stead version --json", version_options, false, version_run, NULL },
    { "help", "[COMMAND...]", 0, 2, "Explain a command", NULL, "stead help invoke", help_options, false, help_run,
      NULL },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, false, NULL, NULL },
};
