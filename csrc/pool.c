/* The thread pool. Not OpenMP: gcc's hangs for ever in a forked child whose parent has used it, and
   its number of threads belongs to the user's other libraries.

   One call at a time owns the pool; a second caller, on another thread, runs serially. The range
   is cut into chunks and each participant owns a contiguous run of them, the same run from call to
   call, so that arrays that fit stay in that core's cache. Who is done steals from the others, so the
   caller never waits for a worker that has not woken up: it only waits for chunks in progress.

   Chunks start at the same elements however many threads there are, and every element is computed
   by the same instructions in whichever vector it falls: results do not depend on the threads. */
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

/* state: generation (32 bits) | participants (15) | open (1) | workers inside (16). A worker may
   read the job only while it is counted inside, and the caller changes it only when none is. */
#define OPEN (UINT64_C(1) << 16)
#define INSIDE(state) ((unsigned)((state) & 0xFFFF))
#define PARTICIPANTS(state) ((unsigned)((state) >> 17 & 0x7FFF))
#define GENERATION(state) ((uint32_t)((state) >> 32))

/* A call goes parallel when it would take one thread some 10 us. With the worker still spinning
   two threads win from 4 us on (silu, 16,384 float32: 5.9 -> 4.0 us; relu, 65,536: 8.2 -> 5.2), with
   the worker asleep they are even at 13 to 15, and waking it in vain, on a busy machine, costs up
   to 10. bench/thread_thresholds.py measures it. */
static const struct {
    ptrdiff_t parallel_from; /* float32 elements; half as many of float64 */
    ptrdiff_t chunk;
} limits[] = {
    [fastact_move] = {1 << 17, 1 << 14},
    [fastact_cheap] = {1 << 16, 1 << 14},
    [fastact_exp] = {1 << 15, 1 << 13},
    [fastact_heavy] = {1 << 14, 1 << 12},
};

/* Elements from which a loop gains more from aligned stores than the first, partial vector costs:
   numpy's memory starts 16 bytes into a cache line. Float32: relu, 4,096: 305 -> 160 ns; sigmoid,
   16,384: 9.4 -> 8.0 us. */
enum { ALIGN_FROM = 512 };
/* Bytes of an output from which stores bypass the cache. relu, float32, two threads, ns an element
   with and without: 0.12 and 0.15 at 2**23, 0.14 and 0.26 at 2**25; silu 0.18 and 0.18, 0.22 and 0.30.
   Below, what uses the result next would find it in the cache. */
enum { STREAM_FROM = 1 << 24 };
enum { CHUNK_BYTES = 1 << 16 }; /* of the largest chunk above */
enum { MAX_CHUNKS = 1 << 11 };  /* of a call that sums: 16 KiB of sums */
/* A sleeping worker takes 50 to 100 us to arrive (in a virtual machine), one that spins under 1. */
enum { SPIN_NANOSECONDS = 50000, PAUSES_PER_LOOK = 32, PAUSES_BEFORE_YIELD = 4096 };

typedef struct {
    _Alignas(128) atomic_ptrdiff_t next; /* next chunk of this participant's run */
    ptrdiff_t last;
    atomic_int asleep;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} participant;

static struct {
    fastact_task task;
    void *context;
    ptrdiff_t begin, end, chunk;
} job;

static atomic_int caller_cpu; /* where the last job came from, and from which thread */
static atomic_int caller_thread;

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

/* Streamed stores are ordered by nothing else. */
static void finish_streams(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_sfence();
#endif
}

static ptrdiff_t item_size(const fastact_kernel *kernel)
{
    return kernel->dtype[1] == '3' ? 4 : 8;
}

/* Elements that one thread takes at a time. */
static ptrdiff_t chunk_size(const fastact_kernel *kernel)
{
    return limits[kernel->cost].chunk / item_size(kernel) * 4;
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

/* Elements before the first that starts a cache line of the output. */
static ptrdiff_t unaligned_head(const fastact_call *call, ptrdiff_t begin, ptrdiff_t item)
{
    const uintptr_t address = (uintptr_t)call->out[0] + (uintptr_t)(begin * item);
    return (ptrdiff_t)(-address % FASTACT_ALIGNMENT) / item;
}

/* One row: streamed, or with aligned stores, if it is worth a first vector that is not full. */
static void run_row(const fastact_kernel *kernel, fastact_call *call, int stream, ptrdiff_t begin,
                    ptrdiff_t end)
{
    call->stream = 0;
    if (end - begin >= ALIGN_FROM) {
        const ptrdiff_t aligned = begin + unaligned_head(call, begin, item_size(kernel));
        if (aligned > begin)
            kernel->loop(call, begin, aligned);
        begin = aligned;
        call->stream = stream;
    }
    kernel->loop(call, begin, end);
}

/* One chunk at most: its first output goes to `memory`, which is used again, and is summed there. */
static void run_summed(const fastact_kernel *kernel, const fastact_call *call, char *memory,
                       ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t item = item_size(kernel);
    fastact_call one = *call;
    for (int k = 0; k < kernel->n_in; k++)
        one.in[k] = (const char *)call->in[k] + begin * item;
    for (int k = 1; k < kernel->n_out; k++)
        one.out[k] = (char *)call->out[k] + begin * item;
    for (int k = 0; k < kernel->n_params; k++)
        if (call->param_array[k] != NULL)
            one.param_array[k] = (const char *)call->param_array[k] + begin * item;
    one.out[0] = memory;
    one.stream = 0;
    kernel->loop(&one, 0, end - begin);
    call->sums[begin / chunk_size(kernel)] = kernel->sum(memory, end - begin);
}

/* Elements begin to end of a call, row by row if it has rows. */
static void run_part(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                     ptrdiff_t end)
{
    if (call->row == 0) {
        kernel->loop(call, begin, end);
        return;
    }
    fastact_call one = *call;
    for (ptrdiff_t number = begin / call->row; begin < end; number++) {
        const ptrdiff_t start = number * call->row, left = end - start;
        const ptrdiff_t stop = left < call->row ? left : call->row;
        for (int k = 0; k < kernel->n_in; k++)
            one.in[k] = (const char *)call->in[k] + number * call->in_step[k];
        for (int k = 0; k < kernel->n_out; k++)
            one.out[k] = (char *)call->out[k] + number * call->out_step[k];
        for (int k = 0; k < kernel->n_params; k++)
            if (call->param_array[k] != NULL)
                one.param_array[k] = (const char *)call->param_array[k] + number * call->param_step[k];
        run_row(kernel, &one, call->stream, begin - start, stop);
        begin = start + stop;
    }
}

static void work(unsigned self, unsigned count)
{
    for (unsigned k = 0; k < count; k++) {
        participant *victim = &participants[(self + k) % count];
        ptrdiff_t chunk;
        while ((chunk = atomic_fetch_add_explicit(&victim->next, 1, memory_order_relaxed))
               < victim->last) {
            const ptrdiff_t begin = job.begin + chunk * job.chunk;
            const ptrdiff_t left = job.end - begin;
            job.task(job.context, (int)self, begin, begin + (left < job.chunk ? left : job.chunk));
        }
    }
    finish_streams();
}

/* A tree: each participant wakes two, so that no one pays for waking them all. */
static void wake_next(unsigned self, unsigned count)
{
    for (unsigned k = 2 * self + 1; k <= 2 * self + 2 && k < count; k++)
        if (atomic_load(&participants[k].asleep)) {
            pthread_mutex_lock(&participants[k].mutex);
            pthread_cond_signal(&participants[k].wake);
            pthread_mutex_unlock(&participants[k].mutex);
        }
}

/* Leave the caller's processor for any other that the caller may use, and stay away from it: the system
   likes to wake a worker where its waker runs, where it can only be in the way (relu, 262,144 float32,
   two processors: 0.17 ns an element, as if alone; 0.07 with this). Where somebody else has placed this
   worker (taskset), it stays. */
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

/* Wait for a generation other than the one seen: first spinning, then asleep. */
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
    (void)fastact_enter(); /* a thread begins with the environment of the one that made it */
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

/* The child has only the thread that forked: its pool has not started. */
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

/* As many of the wanted workers as the system gives; what it refuses once is not asked for again.
   Signals are for the threads that were there before: Ctrl-C must reach the main one. */
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

static void run_on(unsigned count)
{
    const ptrdiff_t chunks = (job.end - job.begin + job.chunk - 1) / job.chunk;
    for (unsigned k = 0; k < count; k++) {
        atomic_store_explicit(&participants[k].next, chunks * k / count, memory_order_relaxed);
        participants[k].last = chunks * (k + 1) / count;
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

ptrdiff_t fastact_parallel_from(const fastact_kernel *kernel)
{
#ifdef FASTACT_PARALLEL_FROM /* for bench/thread_thresholds.py */
    (void)kernel;
    return FASTACT_PARALLEL_FROM;
#else
    return limits[kernel->cost].parallel_from / item_size(kernel) * 4;
#endif
}

void fastact_set_threads(int threads)
{
    atomic_store(&threads_allowed, threads < FASTACT_MAX_THREADS ? threads : FASTACT_MAX_THREADS);
}

/* The outputs of a large call bypass the cache, unless they are written over an input, which is in
   the cache already. */
int fastact_streams(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t size)
{
    if (call->sums != NULL || size * item_size(kernel) < STREAM_FROM)
        return 0;
    for (int k = 0; k < kernel->n_out; k++) {
        if (((uintptr_t)call->out[k] - (uintptr_t)call->out[0]) % FASTACT_ALIGNMENT != 0)
            return 0;
        if (call->row && (call->out_step[k] - call->out_step[0]) % FASTACT_ALIGNMENT != 0)
            return 0;
        for (int j = 0; j < kernel->n_in; j++)
            if (call->out[k] == call->in[j])
                return 0;
    }
    return 1;
}

/* On `wanted` threads, if the pool is free. */
static void share_out(fastact_task task, void *context, ptrdiff_t begin, ptrdiff_t end,
                      ptrdiff_t chunk, int wanted)
{
    if (wanted < 2 || atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        task(context, 0, begin, end);
        finish_streams();
        return;
    }
    start(wanted);
    job.task = task;
    job.context = context;
    job.begin = begin;
    job.end = end;
    job.chunk = chunk;
    run_on((unsigned)(wanted < started ? wanted : started));
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

typedef struct {
    const fastact_kernel *kernel;
    fastact_call call;
    char *memory; /* of a call that sums: CHUNK_BYTES for each worker */
} elementwise;

/* Sums are of chunks, also where one thread does all. */
static void run_elementwise(void *context, int worker, ptrdiff_t begin, ptrdiff_t end)
{
    const elementwise *work = context;
    if (work->call.sums == NULL) {
        run_part(work->kernel, &work->call, begin, end);
        return;
    }
    const ptrdiff_t chunk = chunk_size(work->kernel);
    for (; begin < end; begin += chunk)
        run_summed(work->kernel, &work->call, work->memory + (ptrdiff_t)worker * CHUNK_BYTES, begin,
                   end - begin < chunk ? end : begin + chunk);
}

int fastact_threads(void)
{
    return atomic_load_explicit(&threads_allowed, memory_order_relaxed);
}

void fastact_parallel(fastact_task task, void *context, ptrdiff_t items, ptrdiff_t chunk,
                      int threads)
{
    const ptrdiff_t chunks = (items + chunk - 1) / chunk;
    share_out(task, context, 0, items, chunk, chunks < threads ? (int)chunks : threads);
}

static void run_plain(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                      ptrdiff_t end)
{
    const ptrdiff_t size = end - begin, least = fastact_parallel_from(kernel);
    if (size >= ALIGN_FROM && call->row == 0) {
        const ptrdiff_t aligned = begin + unaligned_head(call, begin, item_size(kernel));
        if (aligned > begin)
            kernel->loop(call, begin, aligned);
        begin = aligned;
    }
    if (size < least) {
        run_part(kernel, call, begin, end);
        return;
    }
    const ptrdiff_t useful = size / least + 1;
    const int allowed = fastact_threads();
    elementwise work = {kernel, *call, NULL};
    work.call.stream = fastact_streams(kernel, call, end - begin);
    share_out(run_elementwise, &work, begin, end, chunk_size(kernel),
              useful < allowed ? (int)useful : allowed);
}

void fastact_run(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                 ptrdiff_t end)
{
    const fastact_environment given = fastact_enter();
    run_plain(kernel, call, begin, end);
    fastact_leave(given);
}

/* `sums` has room for as many chunks as go at a time. */
static double run_sum(elementwise *work, double *sums, int threads, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t chunk = chunk_size(work->kernel), least = fastact_parallel_from(work->kernel);
    double total = 0;
    for (ptrdiff_t from = begin; from < end; from += MAX_CHUNKS * chunk) {
        const ptrdiff_t left = end - from;
        const ptrdiff_t size = left < MAX_CHUNKS * chunk ? left : MAX_CHUNKS * chunk;
        const ptrdiff_t count = (size + chunk - 1) / chunk;
        work->call.sums = sums - from / chunk;
        share_out(run_elementwise, work, from, from + size, chunk, size < least ? 1 : threads);
        for (ptrdiff_t k = 0; k < count; k++)
            total += sums[k];
    }
    return total;
}

int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                    ptrdiff_t end, double *total)
{
    const ptrdiff_t chunk = chunk_size(kernel), size = end - begin, count = (size + chunk - 1) / chunk;
    const int threads = size < fastact_parallel_from(kernel) ? 1 : fastact_threads();
    const size_t numbers = sizeof(double) * (size_t)(count < MAX_CHUNKS ? count : MAX_CHUNKS);
    const size_t one = size < chunk ? (size_t)(size * item_size(kernel)) : CHUNK_BYTES;
    /* Not on the stack: a thread may have as little as 128 KiB of it. */
    double *sums = malloc(numbers + one * (size_t)threads + FASTACT_ALIGNMENT);
    if (sums == NULL)
        return FASTACT_NO_MEMORY;
    elementwise work = {kernel, *call, (char *)sums + numbers};
    work.memory += -(uintptr_t)work.memory % FASTACT_ALIGNMENT;
    const fastact_environment given = fastact_enter();
    *total += run_sum(&work, sums, threads, begin, end);
    fastact_leave(given);
    free(sums);
    return FASTACT_DONE;
}
