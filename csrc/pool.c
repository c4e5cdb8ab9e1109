/* The thread pool. Not OpenMP: gcc's hangs for ever in a forked child whose parent has used it, and
   its number of threads belongs to the user's other libraries.

   One call at a time owns the pool; a second caller, on another thread, runs serially. The range is cut into
   chunks, and each participant starts with a contiguous run of them, the same run from call to call, so that
   small arrays stay in the cache of its core. A participant that has finished its run takes chunks from the
   others: the caller never waits for a worker to wake up, only for chunks in progress.

   Chunks start at the same elements whatever the number of threads, and the position of an element in its
   vector does not change how it is computed: results do not depend on the threads. */
#define _GNU_SOURCE /* sched_getcpu */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

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
    pthread_mutex_t mutex;
    pthread_cond_t wake;
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
static pthread_once_t at_fork_once = PTHREAD_ONCE_INIT;

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

static int this_cpu(void)
{
#ifdef __linux__
    return sched_getcpu();
#else
    return -1;
#endif
}

static int this_thread(void)
{
#ifdef __linux__
    return (int)syscall(SYS_gettid);
#else
    return 0;
#endif
}

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
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
            pthread_mutex_lock(&participants[k].mutex);
            pthread_cond_signal(&participants[k].wake);
            pthread_mutex_unlock(&participants[k].mutex);
        }
}

/* Move this worker from the caller's processor to any other that the caller may use, and keep it off: the system
   tends to wake a worker on the processor of the thread that woke it, where the two compete (relu, 262,144
   float32, two processors: 0.17 ns an element, as if alone; 0.07 with this). A worker whose affinity was set from
   outside (taskset) stays where it is. Returns whether the worker was moved. */
static int leave(int cpu)
{
#ifdef __linux__
    static _Thread_local cpu_set_t chosen;
    static _Thread_local int has_chosen;
    cpu_set_t now, others;
    const int caller = atomic_load_explicit(&caller_thread, memory_order_relaxed);
    if (cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof now, &now) != 0
        || sched_getaffinity(caller, sizeof others, &others) != 0)
        return 0;
    if (!CPU_EQUAL(&now, &others) && !(has_chosen && CPU_EQUAL(&now, &chosen)))
        return 0;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0)
        return 0;
    chosen = others;
    has_chosen = 1;
    return 1;
#else
    (void)cpu;
    return 0;
#endif
}

/* Wait for a new generation: first spinning, then asleep. */
static uint64_t next_state(participant *self, uint32_t seen)
{
    uint64_t now;
    const int64_t until = nanoseconds() + SPIN_NANOSECONDS;
    while (nanoseconds() < until) {
        const int cpu = this_cpu();
        if (cpu >= 0 && cpu == atomic_load_explicit(&caller_cpu, memory_order_relaxed)
            && !leave(cpu))
            break;
        for (int k = 0; k < PAUSES_PER_LOOK; k++) {
            now = atomic_load_explicit(&state, memory_order_acquire);
            if (GENERATION(now) != seen)
                return now;
            pause_briefly();
        }
    }

    pthread_mutex_lock(&self->mutex);
    atomic_store(&self->asleep, 1);
    while (GENERATION(now = atomic_load(&state)) == seen)
        pthread_cond_wait(&self->wake, &self->mutex);
    atomic_store(&self->asleep, 0);
    pthread_mutex_unlock(&self->mutex);
    return now;
}

static void *worker(void *index)
{
    const unsigned self = (unsigned)(uintptr_t)index;
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
    return NULL;
}

/* The child has only the thread that called fork: no worker. */
static void reset_in_child(void)
{
    started = attempted = 1;
    atomic_store(&state, 0);
    atomic_flag_clear(&busy);
}

static void register_reset(void)
{
    pthread_atfork(NULL, NULL, reset_in_child);
}

/* Start as many of the wanted workers as the system allows; a refused thread is not requested again. Workers block
   all signals: Ctrl-C must reach the main thread. */
static void start(int wanted)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (wanted <= attempted)
        return;
    attempted = wanted;
    pthread_once(&at_fork_once, register_reset);
    if (pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; started < wanted; started++) {
        pthread_t thread;
        participant *self = &participants[started];
        atomic_store(&self->asleep, 0);
        pthread_mutex_init(&self->mutex, NULL);
        pthread_cond_init(&self->wake, NULL);
        if (pthread_create(&thread, &attributes, worker, (void *)(uintptr_t)started) != 0)
            break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
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
            sched_yield();
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
