/* Writes a generated page to stdout: config_reference page | schema | manifest-schema. */
#include "adapters/config/config.h"

#include <string.h>

int main(int count, char **arguments)
{
    const char *what = count == 2 ? arguments[1] : "";
    if (strcmp(what, "page") == 0) {
        config_page_print(stdout);
    } else if (strcmp(what, "schema") == 0) {
        config_schema_print(stdout);
    } else if (strcmp(what, "manifest-schema") == 0) {
        manifest_schema_print(stdout);
    } else {
        fprintf(stderr, "usage: config_reference page | schema | manifest-schema\n");
        return 2;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
