/* Speaks no protocol at all, then waits to be killed. */
#include <unistd.h>

int main(void)
{
    static const char garbage[] = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello, world";
    return write(3, garbage, sizeof garbage) > 0 ? pause() : 1;
}
