/* What a new thread is given, by every system; included after what chooses the features of the C library. */
#include <stdlib.h>

/* What a new thread is to run, which it frees. */
typedef struct {
    void (*body)(unsigned index);
    unsigned index;
} thread_start;

static thread_start *new_start(void (*body)(unsigned index), unsigned index)
{
    thread_start *start = malloc(sizeof *start);
    if (start != NULL)
        *start = (thread_start){body, index};
    return start;
}

static void run_and_free(thread_start *start)
{
    const thread_start now = *start;
    free(start);
    now.body(now.index);
}
