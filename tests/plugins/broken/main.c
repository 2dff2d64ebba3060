/* A function whose code does not compile: its author must see the message of the compiler. */
#include <stead/plugin.h>

int main(void)
{
    return no_such_function(
}
