/* Standard input and output as they are: Windows translates the ends of lines. */
#include <stdio.h>
#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
static void binary_streams(void)
{
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
}
#else
static void binary_streams(void) {}
#endif
