/* Jobs of all sizes on the pool, from two threads at once: every element is computed once, and workers take part.
   Prints the highest number of participants. */
#include "pool.c" /* for its functions of the system's threads, too */

#include <stdio.h>

enum { ELEMENTS = 10007, JOBS = 3000, THREADS = 4 };

typedef struct {
    unsigned char done[ELEMENTS];
    atomic_int participants; /* a bit for each */
} tally;

static atomic_int others_left = 1, others_wrong;

static void mark(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    tally *j = context;
    atomic_fetch_or(&j->participants, 1 << thread);
    for (ptrdiff_t i = begin; i < end; i++)
        j->done[i]++;
}

/* The chunks of this job wait for each other, so that all threads are in it at once. */
static void meet(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    tally *j = context;
    const int64_t until = nanoseconds() + 20 * INT64_C(1000000000);
    mark(context, thread, begin, end);
    while (atomic_load(&j->participants) != (1 << THREADS) - 1 && nanoseconds() < until)
        yield_thread();
}

static int wrong_jobs(tally *j)
{
    int wrong = 0;
    for (ptrdiff_t k = 0; k < JOBS; k++) {
        const ptrdiff_t begin = k % 3, end = begin + k * 37 % (ELEMENTS - 3);
        for (ptrdiff_t i = 0; i < ELEMENTS; i++)
            j->done[i] = 0;
        fastact_parallel(mark, j, begin, end, 1 + k % 500, 1 + (int)(k % THREADS));
        for (ptrdiff_t i = 0; i < ELEMENTS; i++)
            if (j->done[i] != (i >= begin && i < end)) {
                wrong++;
                break;
            }
    }
    return wrong;
}

static void other_caller(unsigned index)
{
    static tally j;
    (void)index;
    atomic_store(&others_wrong, wrong_jobs(&j));
    atomic_store(&others_left, 0);
}

int main(void)
{
    static tally j;
    int participants = 0;
    fastact_parallel(meet, &j, 0, THREADS, 1, THREADS);
    for (int k = 0; k < THREADS; k++)
        participants += atomic_load(&j.participants) >> k & 1;
    if (!start_thread(other_caller, 0))
        return 2;
    int wrong = wrong_jobs(&j);
    while (atomic_load(&others_left))
        yield_thread();
    wrong += atomic_load(&others_wrong);
    printf("%d participants, %d wrong\n", participants, wrong);
    return wrong != 0;
}
