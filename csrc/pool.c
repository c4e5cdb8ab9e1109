/* The thread pool. Not OpenMP: gcc's hangs for ever in a forked child whose parent has used it, and
   its number of threads belongs to the user's other libraries.

   One call at a time owns the pool; a second caller, on another thread, runs serially. The range is cut into
   chunks, and each participant starts with a contiguous run of them, the same run from call to call, so that
   small arrays stay in the cache of its core. A participant that has finished its run takes chunks from the
   others: the caller never waits for a worker to wake up, only for chunks in progress.

   Chunks start at the same elements whatever the number of threads, and the position of an element in its
   vector does not change how it is computed: results do not depend on the threads. */
#include "threads.h" /* first: it asks for GNU functions */

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "environment.h"
#include "fastact.h"

/* state: generation (32 bits) | participants (15) | open (1) | workers inside (16). A worker reads the job only
   while it is counted as inside, and the caller changes the job only while none is. */
#define OPEN (UINT64_C(1) << 16)
#define INSIDE(state) ((unsigned)((state) & 0xFFFF))
#define PARTICIPANTS(state) ((unsigned)((state) >> 17 & 0x7FFF))
#define GENERATION(state) ((uint32_t)((state) >> 32))

/* A sleeping worker takes 50 to 100 us to arrive (in a virtual machine), one that spins under 1. */
enum { SPIN_NANOSECONDS = 50000, PAUSES_PER_LOOK = 32, PAUSES_BEFORE_YIELD = 4096 };

typedef struct {
    _Alignas(128) atomic_ptrdiff_t next; /* next chunk of this participant's run */
    ptrdiff_t end;                       /* of that run */
    atomic_int asleep;
    waiter waiter;
} participant;

static struct {
    fastact_task task;
    void *context;
    ptrdiff_t begin, end, chunk, chunks; /* chunk: elements in one */
} job;

static atomic_int caller_cpu, caller_thread; /* of the last job */

static participant participants[FASTACT_MAX_THREADS]; /* 0 is the caller */
static _Alignas(128) _Atomic uint64_t state;
static atomic_flag busy = ATOMIC_FLAG_INIT;
static atomic_int threads_allowed = 1;
static int started = 1; /* participants that exist, the caller included */
static int attempted = 1;

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Non-temporal stores are ordered by nothing else. */
static void fence_non_temporal_stores(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_sfence();
#endif
}

/* First the chunks of this participant, then those that the others have left. */
static void work(unsigned self, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        participant *victim = &participants[(self + k) % count];
        ptrdiff_t chunk;
        while ((chunk = atomic_fetch_add_explicit(&victim->next, 1, memory_order_relaxed))
               < victim->end) {
            const ptrdiff_t begin = job.begin + chunk * job.chunk;
            const ptrdiff_t left = job.end - begin;
            job.task(job.context, (int)self, begin, begin + (left < job.chunk ? left : job.chunk));
        }
    }
    fence_non_temporal_stores();
}

/* A tree: each participant wakes two others, so that the caller need not wake them all. */
static void wake_next(unsigned self, unsigned count)
{
    for (unsigned k = 2 * self + 1; k <= 2 * self + 2 && k < count; k++)
        if (atomic_load(&participants[k].asleep)) {
            waiter_lock(&participants[k].waiter);
            waiter_wake(&participants[k].waiter);
            waiter_unlock(&participants[k].waiter);
        }
}

/* Whether a worker is on the processor of the caller and cannot leave it: the system tends to wake a worker on the
   processor of the thread that woke it, where the two compete (relu, 262,144 float32, two processors: 0.17 ns an
   element, as if alone; 0.07 if it leaves). */
static int is_in_the_way(void)
{
    const int cpu = this_cpu();
    return cpu >= 0 && cpu == atomic_load_explicit(&caller_cpu, memory_order_relaxed)
           && !leave_cpu(cpu, atomic_load_explicit(&caller_thread, memory_order_relaxed));
}

/* Wait for a new generation: first spinning, then asleep. */
static uint64_t next_state(participant *self, uint32_t seen)
{
    uint64_t now;
    const int64_t until = nanoseconds() + SPIN_NANOSECONDS;
    while (nanoseconds() < until && !is_in_the_way())
        for (int k = 0; k < PAUSES_PER_LOOK; k++) {
            now = atomic_load_explicit(&state, memory_order_acquire);
            if (GENERATION(now) != seen)
                return now;
            pause_briefly();
        }

    waiter_lock(&self->waiter);
    atomic_store(&self->asleep, 1);
    while (GENERATION(now = atomic_load(&state)) == seen)
        waiter_wait(&self->waiter);
    atomic_store(&self->asleep, 0);
    waiter_unlock(&self->waiter);
    return now;
}

static void worker(unsigned self)
{
    uint32_t seen = 0;
    (void)fastact_enter(); /* a new thread inherits the environment of its creator */
    for (;;) {
        uint64_t now = next_state(&participants[self], seen);
        seen = GENERATION(now);
        while ((now & OPEN) && GENERATION(now) == seen && self < PARTICIPANTS(now)) {
            if (!atomic_compare_exchange_weak(&state, &now, now + 1))
                continue;
            wake_next(self, PARTICIPANTS(now));
            work(self, PARTICIPANTS(now));
            atomic_fetch_sub_explicit(&state, 1, memory_order_release);
            break;
        }
    }
}

/* The child has only the thread that called fork: no worker. */
static void reset_in_child(void)
{
    started = attempted = 1;
    atomic_store(&state, 0);
    atomic_flag_clear(&busy);
}

/* Start as many of the wanted workers as the system allows; a refused thread is not requested again. */
static void start(int wanted)
{
    if (wanted <= attempted)
        return;
    attempted = wanted;
    in_forked_child(reset_in_child);
    for (; started < wanted; started++) {
        participant *self = &participants[started];
        atomic_store(&self->asleep, 0);
        waiter_init(&self->waiter);
        if (!start_thread(worker, (unsigned)started))
            break;
    }
}

static void run_job(unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        atomic_store_explicit(&participants[k].next, job.chunks * k / count, memory_order_relaxed);
        participants[k].end = job.chunks * (k + 1) / count;
    }
    atomic_store_explicit(&caller_cpu, this_cpu(), memory_order_relaxed);
    atomic_store_explicit(&caller_thread, this_thread(), memory_order_relaxed);
    const uint64_t generation = GENERATION(atomic_load(&state)) + UINT64_C(1);
    atomic_store(&state, generation << 32 | (uint64_t)count << 17 | OPEN);
    wake_next(0, count);
    work(0, count);
    atomic_fetch_and(&state, ~OPEN);
    for (int k = 0; INSIDE(atomic_load_explicit(&state, memory_order_acquire)) != 0; k++)
        if (k < PAUSES_BEFORE_YIELD)
            pause_briefly();
        else
            yield_thread();
}

int fastact_threads(void)
{
    return atomic_load_explicit(&threads_allowed, memory_order_relaxed);
}

void fastact_set_threads(int threads)
{
    atomic_store(&threads_allowed, threads < FASTACT_MAX_THREADS ? threads : FASTACT_MAX_THREADS);
}

void fastact_parallel(fastact_task task, void *context, ptrdiff_t begin, ptrdiff_t end,
                      ptrdiff_t chunk, int threads)
{
    const ptrdiff_t chunks = (end - begin + chunk - 1) / chunk;
    const int wanted = chunks < threads ? (int)chunks : threads;
    if (wanted < 2 || atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        task(context, 0, begin, end);
        fence_non_temporal_stores();
        return;
    }
    start(wanted);
    job.task = task;
    job.context = context;
    job.begin = begin;
    job.end = end;
    job.chunk = chunk;
    job.chunks = chunks;
    run_job((unsigned)(wanted < started ? wanted : started));
    atomic_flag_clear_explicit(&busy, memory_order_release);
}
