/* The table. Help texts are sentences without a final stop in `help`, with one in `about`; nothing in them depends on
 * the machine. To add a command: a line here and a function that takes its arguments. */
#include "cli/command.h"

#include "cli/check.h"
#include "cli/completion.h"
#include "cli/dead.h"
#include "cli/deploy.h"
#include "cli/dev.h"
#include "cli/doctor.h"
#include "cli/function.h"
#include "cli/help.h"
#include "cli/instances.h"
#include "cli/queue.h"
#include "cli/invoke.h"
#include "cli/man.h"
#include "cli/new.h"
#include "cli/options.h"
#include "cli/plugin_check.h"
#include "cli/replay.h"
#include "cli/result.h"
#include "cli/sdk.h"
#include "cli/settings.h"
#include "cli/sim.h"
#include "cli/version.h"
#include "cli/versions.h"

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
#define OPTIONS_DEAD                                                                                                   \
    { "function", 'f', "FUNCTION", "only of this function" },                                                          \
    {                                                                                                                  \
        "cause", 0, "CAUSE", "only of this cause, such as crash or timeout"                                            \
    }
static const struct option dead_list_options[] = {
    OPTIONS_DEAD,
    { "limit", 0, "N", "at most so many; 100 otherwise" },
    { "after", 0, "N", "go on where the list before ended" },
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option dead_show_options[] = { OPTIONS_DEAD, OPTION_ADDR, OPTION_JSON, NO_OPTION };
static const struct option dead_change_options[] = {
    OPTIONS_DEAD,
    { "all", 0, NULL, "all of them" },
    { "rate", 0, "N", "at most so many a second; 50 otherwise" },
    OPTION_ADDR,
    OPTION_JSON,
    NO_OPTION,
};
static const struct option admin_options[] = { OPTION_ADDR, OPTION_JSON, NO_OPTION };
static const struct option drain_options[] = { OPTION_TIMEOUT("1h"), OPTION_ADDR, OPTION_JSON, NO_OPTION };
static const struct option list_options[] = {
    { "language", 'l', LANGUAGES, "only functions in this one" }, OPTION_ADDR, OPTION_JSON, NO_OPTION
};
static const struct option sim_run_options[] = {
    { "seed", 0, "N", "which world" },
    { "steps", 0, "N", "how many steps of the cores before everything is healed" },
    { "schedule", 0, "FILE", "play what the file says instead of what a seed draws" },
    { "schedule-out", 0, "FILE", "write what happened as a schedule" },
    { "history", 0, "FILE", "write what clients and functions saw, for `stead check`" },
    { "report", 0, "FILE", "draw the run as one page of HTML that needs nothing else" },
    { "trace", 0, NULL, "print the story" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option sim_mutants_options[] = {
    { "seeds", 0, "K", "how many worlds to play for each, at most (200)" },
    { "jobs", 0, "J", "threads" },
    { "steps", 0, "N", "how many steps of the cores each" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option sim_conform_options[] = {
    { "backend", 0, "LIST", "of model, 2.9, current, cluster-2.9, cluster-current, cluster (model,2.9)" },
    { "server", 0, "NAME=PATH", "the program of 2.9 or current" },
    { "random", 0, "N", "also this many random scripts" },
    { "seed", 0, "S", "the first seed of those (1)" },
    { "jobs", 0, "N", "scripts at a time (32)" },
    { "out", 0, "FOLDER", "make random scripts that differ small, and write them there" },
    { "trace", 0, NULL, "tell what is seen, line by line" },
    { "print", 0, NULL, "print the random script of the seed and stop" },
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
    { "sometimes", 0, NULL, "list what must happen sometimes, and how often it did" },
    { "seeds", 0, "A..B", "which worlds" },
    { "jobs", 0, "J", "threads" },
    { "steps", 0, "N", "how many steps of the cores each" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option check_options[] = {
    { "report", 'r', "FILE", "draw it: one page of HTML that needs nothing else" },
    { "title", 0, "TEXT", "what the page is called" },
    { "again", 0, "TEXT", "the command that the page names for another run" },
    OPTION_JSON,
    NO_OPTION,
};
static const struct option replay_options[] = {
    { "to", 0, "N", "stop after this step" },
    { "dump", 0, NULL, "print the last steps, what came in and what was asked for, and the state after them" },
    { "fork", 0, "N|any",
      "go on from the state after this step in the simulator, under all its checks; any: a step by the seed" },
    { "seed", 0, "S|A..B", "what happens then; a range: so many forks (1)" },
    { "faults", 0, "LIST", "of a fork: only these can happen, NAME,NAME or none; else what the seed draws" },
    { "steps", 0, "N", "of a fork: steps of cores after which its faults end (5000)" },
    { "trace", 0, NULL, "of a fork: tell it line by line" },
    { "shrink", 0, "FILE", "of a fork that fails: write the smallest schedule that still fails alike" },
    { "schedule", 0, "FILE", "of a fork: play such a schedule instead of what the seed draws" },
    { "effects", 0, NULL,
      "compare effects only, of any version of the core's behaviour, from the start of the service" },
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
    { "rate", 0, "N", "requests a second to reckon with; measured from the stored results otherwise" },
    { "monitor", 0, "URL", "the broker's monitoring port, which tells how often it writes to disk" },
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
    { "function release", "FUNCTION", 1, 1, "Let a function out of quarantine, on every instance",
      "A function whose processes die again and again is not run for a while. A new version is let out by itself.",
      "stead function release hello", admin_options, false, function_release_run, NULL },
    { "function rm", "FUNCTION", 1, 1, "Remove a function",
      "New calls are refused, queued ones end first. Stored results stay until they expire.", "stead function rm stats",
      remove_options, false, function_rm_run, NULL },
    { "queue ls", "", 0, 0, "Show what is queued for whom",
      "Requests that have not ended, and how many instances take them.", "stead queue ls", admin_options, false,
      queue_ls_run, NULL },
    { "queue pause", "FUNCTION", 1, 1, "Let nothing of a function begin",
      "What runs goes on, new requests are queued, until `queue resume`.", "stead queue pause stats", admin_options,
      false, queue_pause_run, NULL },
    { "queue resume", "FUNCTION", 1, 1, "Let a paused function go on", NULL, "stead queue resume stats", admin_options,
      false, queue_resume_run, NULL },
    { "queue drain", "FUNCTION", 1, 1, "Wait until nothing is queued for a function",
      "Refuses nothing: send no more, or remove the function. Exit code 75 if something is left at the end.",
      "stead queue drain stats --timeout 5m", drain_options, false, queue_drain_run, NULL },
    { "instance ls", "", 0, 0, "List the live instances", NULL, "stead instance ls --json", admin_options, false,
      instance_ls_run, NULL },
    { "instance get", "INSTANCE", 1, 1, "Show one live instance, and what the broker makes of what it accepts",
      "`sync` is how often the broker writes to disk: told by it, or assumed from its version.",
      "stead instance get a1", admin_options, false, instance_get_run, NULL },
    { "dead ls", "[ID]", 0, 1, "List requests that were given up on",
      "A request becomes a dead letter when its attempts are used up, when it took instances down with it, or when its "
      "function\n"
      "is in quarantine. Letters are kept for 7 days.",
      "stead dead ls --function resize --cause crash", dead_list_options, false, dead_ls_run, NULL },
    { "dead show", "ID", 1, 1, "Show a dead letter: its data, why it died, and the last of stderr", NULL,
      "stead dead show order-7", dead_show_options, false, dead_show_run, NULL },
    { "dead redrive", "[ID]", 0, 1, "Make a new request of a dead letter",
      "The new request is named <ID>~1; the letter stays. A letter that was redriven before is left alone.",
      "stead dead redrive --function resize --rate 10", dead_change_options, false, dead_redrive_run, NULL },
    { "dead drop", "[ID]", 0, 1, "Forget dead letters", NULL, "stead dead drop order-7", dead_change_options, false,
      dead_drop_run, NULL },
    { "sim conform", "[FILE|FOLDER...]", 0, ARGUMENTS_MAX, "Hold the model of the broker to real brokers",
      "Plays scripts against the simulator's model and against real nats-servers, which it starts for them, and ends "
      "with "
      "0 only if the model allows all that the real ones did and every expectation is met.",
      "stead sim conform --backend model,2.9 tests/conformance/broker/quirks", sim_conform_options, false, NULL,
      sim_raw },
    { "sim run", "", 0, 0, "Play one simulated world",
      "Real cores against a modelled broker, workers, clients and faults; the same seed is the same run everywhere.",
      "stead sim run --seed 42 --trace", sim_run_options, false, NULL, sim_raw },
    { "sim mutants", "", 0, 0, "Find every planted bug",
      "Only the program stead-mutants has bugs planted in it; any other says how to build that one. Each bug must be "
      "found "
      "by\n"
      "the invariant that names it.",
      "stead-mutants mutants --jobs 2", sim_mutants_options, false, NULL, sim_raw },
    { "sim shrink", "", 0, 0, "Make a failing simulated world small",
      "Leaves out and lowers what the failure does not need. Writes the schedule and its trace.",
      "stead sim shrink --seed 42", sim_shrink_options, false, NULL, sim_raw },
    { "sim swarm", "", 0, 0, "Play many simulated worlds", "Ends with 0 only if no world broke a promise.",
      "stead sim swarm --seeds 1..1000 --jobs 2", sim_swarm_options, false, NULL, sim_raw },
    { "check", "HISTORY...", 1, ARGUMENTS_MAX, "Judge what was seen of a run, simulated or real",
      "Each HISTORY is a file of JSON lines, - the standard input; several are one history, brought into order by "
      "time.\n"
      "Names each broken promise with its invariant, file and line. Exit code 0: none; 2: a file can't be read; 3: "
      "something that\n"
      "must happen did not; 4: something happened that must not.",
      "stead check run.jsonl --report run.html", check_options, false, check_command_run, NULL },
    { "replay", "JOURNAL", 1, 1, "Run a recorded journal again and compare",
      "JOURNAL is the folder (its newest run) or one of its files. The core of this program gets what the service saw "
      "and must\n"
      "come to the same states and ask for the same effects; the first difference is named. Exit code 1 if there is "
      "one, if\n"
      "the core fails an assertion, or if the journal is damaged.\n"
      "\n"
      "--fork goes on from there: a world is made around the core of what it believed, and what it could not know is "
      "drawn by\n"
      "the seed. Exit codes are then those of stead sim: 1, 3, 4 or 5 if an invariant fails.",
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
      "Each line is ok, WARN or FAIL, with what to do. Exit code 1 if one is a FAIL. Nothing is changed.",
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
