/* The table. Help texts are sentences without a final stop in `help`, with one in `about`; nothing in them depends on
 * the machine. To add a command: a line here and a function that takes its arguments. */
#include "cli/command.h"

#include "cli/completion.h"
#include "cli/deploy.h"
#include "cli/dev.h"
#include "cli/doctor.h"
#include "cli/function.h"
#include "cli/help.h"
#include "cli/invoke.h"
#include "cli/man.h"
#include "cli/new.h"
#include "cli/plugin_check.h"
#include "cli/sdk.h"
#include "cli/settings.h"
#include "cli/sim.h"
#include "cli/version.h"

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
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option invoke_options[] = {
    { "data", 'd', "DATA", "the event's data: text, @FILE, or - for stdin" },
    { "content-type", 0, "TYPE", "of the data; JSON, text or bytes by content otherwise" },
    { "type", 't', "TYPE", "the event's type; stead.invoke.v1 otherwise" },
    { "source", 0, "SOURCE", "the event's source; stead:cli otherwise" },
    { "id", 0, "ID", "the event's id; the same id and source again get the first result" },
    { "timeout", 0, "TIME", "how long to wait, such as 500ms or 5s; 30s otherwise" },
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
    { "trace", 0, NULL, "print the story" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option sim_swarm_options[] = {
    { "seeds", 0, "A..B", "which worlds" },
    { "jobs", 0, "J", "threads" },
    { "steps", 0, "N", "how many steps of the cores each" },
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
      "optional.",
      "stead deploy hello", deploy_options, false, deploy_run, NULL },
    { "invoke", "FUNCTION[@ALIAS]", 1, 1, "Call a function and print its answer",
      "Only the body of the answer goes to stdout, byte for byte; id, time and attempts go to stderr. An error of the\n"
      "function itself is exit code 1.",
      "stead invoke stats -d '{\"values\": [1, 2, 3]}'", invoke_options, false, invoke_run, NULL },
    { "function ls", "", 0, 0, "List what is deployed", NULL, "stead function ls --json", list_options, false,
      function_ls_run, NULL },
    { "function get", "FUNCTION", 1, 1, "Show one function", NULL, "stead function get stats", admin_options, false,
      function_get_run, NULL },
    { "function rm", "FUNCTION", 1, 1, "Remove a function",
      "Refused while requests of it are queued or running. Stored results stay until they expire.",
      "stead function rm stats", admin_options, false, function_rm_run, NULL },
    { "sim run", "", 0, 0, "Play one simulated world",
      "Real cores against a modelled broker, workers, clients and faults; the same seed is the same run everywhere.",
      "stead sim run --seed 42 --trace", sim_run_options, false, NULL, sim_raw },
    { "sim swarm", "", 0, 0, "Play many simulated worlds", "Ends with 0 only if no world broke a promise.",
      "stead sim swarm --seeds 1..1000 --jobs 2", sim_swarm_options, false, NULL, sim_raw },
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
    { "doctor", "", 0, 0, "Is this broker, is this machine, safe for functions?",
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
