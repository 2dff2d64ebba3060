/* Man pages, from the tables of commands, configuration keys and frames. All goes to stdout. Main thread. */
#ifndef STEAD_CLI_MAN_H
#define STEAD_CLI_MAN_H

#include <stdbool.h>

#define MAN_PAGES "stead.1|stead.yaml.5|stead-plugin.7"

/* Prints one of MAN_PAGES; false if there is none of that name. */
bool man_print(const char *page);

#endif
