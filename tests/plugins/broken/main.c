/* Does not compile. */
#include <stead/plugin.h>

int main(void)
{
    return no_such_function(
}
