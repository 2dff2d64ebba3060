/* `stead plugin check PROGRAM [ARGUMENT…]`: speaks pipe/1 to any plugin and prints TAP on stdout.
 *
 * A program whose name ends in .py, .js, .mjs or .cjs is run by its interpreter with the SDK's runner. Forks, so it
 * must be called before any thread exists. Gives 0 if every check passed, 1 if one failed, 2 for wrong usage. */
#ifndef STEAD_CLI_PLUGIN_CHECK_H
#define STEAD_CLI_PLUGIN_CHECK_H

int plugin_check_main(int argc, char **argv);

#endif
