/* `stead plugin check` as a program of its own, so that SDKs can be checked without the rest of Stead. */
#include "cli/plugin_check.h"

int main(int argc, char **argv)
{
    return plugin_check_main(argc, argv);
}
