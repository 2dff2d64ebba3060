/* `stead plugin check` alone. */
#include "cli/plugin_check.h"

int main(int argc, char **argv)
{
    return plugin_check_main(argc, argv);
}
