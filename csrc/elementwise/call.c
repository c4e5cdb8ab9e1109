/* Elementwise calls, from the operands to the loop of the kernel: alignment, lines, threads, sums. */
#include <stdint.h>
#include <stdlib.h>

#include "environment.h"
#include "fastact.h"

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
enum { BLOCK_BYTES = 1 << 13 }; /* of losses that are summed while they are in the first-level cache */

/* Elements from which aligned stores gain more than a partial first vector costs: NumPy's memory starts
   16 bytes into a cache line. Float32: relu, 4,096: 305 -> 160 ns; sigmoid, 16,384: 9.4 -> 8.0 us. */
enum { ALIGN_FROM = 512 };
/* Bytes of an output from which stores are non-temporal. relu, float32, two threads, ns an element
   with and without: 0.12 and 0.15 at 2**23, 0.14 and 0.26 at 2**25; silu 0.18 and 0.18, 0.22 and 0.30.
   A smaller result may still be in the cache when it is used. */
enum { NON_TEMPORAL_FROM = 1 << 24 };
enum { MAX_CHUNKS = 1 << 11 }; /* that are summed at a time: 16 KiB of sums */

/* Bytes of an element as it is computed: elements of 16 bits take as long as float32. */
static ptrdiff_t computed_size(const fastact_kernel *kernel) { return kernel->itemsize == 8 ? 8 : 4; }

/* Elements that one thread takes at a time. */
static ptrdiff_t chunk_size(const fastact_kernel *kernel)
{
    return limits[kernel->cost].chunk / computed_size(kernel) * 4;
}

ptrdiff_t fastact_parallel_from(const fastact_kernel *kernel)
{
#ifdef FASTACT_PARALLEL_FROM /* for bench/thread_thresholds.py */
    (void)kernel;
    return FASTACT_PARALLEL_FROM;
#else
    return limits[kernel->cost].parallel_from / computed_size(kernel) * 4;
#endif
}

/* Not where an output is an input as well: that is in the cache already. */
int fastact_is_non_temporal(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t size)
{
    if (size * kernel->itemsize < NON_TEMPORAL_FROM || call->line == FASTACT_STRIDED)
        return 0;
    for (int k = 0; k < kernel->n_out; k++) {
        if (((uintptr_t)call->out[k] - (uintptr_t)call->out[0]) % FASTACT_ALIGNMENT != 0)
            return 0;
        if (call->line && (call->out_stride[k] - call->out_stride[0]) % FASTACT_ALIGNMENT != 0)
            return 0;
        for (int j = 0; j < kernel->n_in; j++)
            if (call->out[k] == call->in[j])
                return 0;
    }
    return 1;
}

/* Computes elements from `begin` up to the first that starts a cache line of the first output; returns which one. */
static ptrdiff_t align(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin)
{
    const ptrdiff_t item = kernel->itemsize;
    const uintptr_t address = (uintptr_t)call->out[0] + (uintptr_t)(begin * item);
    const ptrdiff_t aligned = begin + (ptrdiff_t)(-address % FASTACT_ALIGNMENT) / item;
    if (aligned > begin)
        kernel->loop(call, begin, aligned);
    return aligned;
}

typedef struct {
    const fastact_kernel *kernel;
    const fastact_call *call;
} elementwise;

/* Elements [begin, end) of one line, with aligned stores if it is long enough. */
static void run_line(const fastact_kernel *kernel, fastact_call *line, int non_temporal, ptrdiff_t begin,
                     ptrdiff_t end)
{
    line->non_temporal = 0;
    if (end - begin >= ALIGN_FROM) {
        begin = align(kernel, line, begin);
        line->non_temporal = non_temporal;
    }
    kernel->loop(line, begin, end);
}

/* A fastact_task: contiguous elements, line by line, or at any distance. */
static void run_elements(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const elementwise *work = context;
    const fastact_kernel *kernel = work->kernel;
    const fastact_call *call = work->call;
    (void)thread;
    if (call->line == FASTACT_STRIDED) {
        fastact_run_strided(kernel, call, begin, end);
        return;
    }
    if (call->line == 0) {
        kernel->loop(call, begin, end);
        return;
    }
    fastact_call line = *call;
    for (ptrdiff_t number = begin / call->line; begin < end; number++) {
        const ptrdiff_t start = number * call->line, left = end - start;
        const ptrdiff_t stop = left < call->line ? left : call->line;
        for (int k = 0; k < kernel->n_in; k++)
            line.in[k] = (const char *)call->in[k] + number * call->in_stride[k];
        for (int k = 0; k < kernel->n_out; k++)
            line.out[k] = (char *)call->out[k] + number * call->out_stride[k];
        for (int k = 0; k < kernel->n_params; k++)
            if (call->param_array[k] != NULL)
                line.param_array[k] = (const char *)call->param_array[k] + number * call->param_stride[k];
        run_line(kernel, &line, call->non_temporal, begin - start, stop);
        begin = start + stop;
    }
}

void fastact_run(const fastact_kernel *kernel, fastact_call *call, ptrdiff_t begin, ptrdiff_t end)
{
    const fastact_environment given = fastact_enter();
    const ptrdiff_t size = end - begin, least = fastact_parallel_from(kernel);
    elementwise work = {kernel, call};
    call->non_temporal = call->wide = 0;
    if (size >= ALIGN_FROM && call->line == 0)
        begin = align(kernel, call, begin);
    if (size < least && call->line == 0) {
        kernel->loop(call, begin, end); /* one element: 181 ns through run_elements, 170 without */
    } else if (size < least) {
        run_elements(&work, 0, begin, end);
    } else {
        const ptrdiff_t useful = size / least + 1;
        const int allowed = fastact_threads();
        call->non_temporal = fastact_is_non_temporal(kernel, call, end - begin);
        fastact_parallel(run_elements, &work, begin, end, chunk_size(kernel),
                         useful < allowed ? (int)useful : allowed);
    }
    fastact_leave(given);
}

/* --- sums ------------------------------------------------------------------------------------------------- */

typedef struct {
    const fastact_kernel *kernel;
    const fastact_call *call;
    ptrdiff_t first; /* element */
    double *sums;    /* one for each chunk, from that element on: also where one thread does all */
    char *memory;    /* BLOCK_BYTES for each thread */
} summation;

/* The first output goes to `memory`, which stays in the first-level cache, and is summed there. */
static double sum_block(const fastact_kernel *kernel, const fastact_call *call, char *memory, ptrdiff_t begin,
                        ptrdiff_t end)
{
    const ptrdiff_t offset = begin * kernel->itemsize;
    fastact_call chunk = *call;
    for (int k = 0; k < kernel->n_in; k++)
        chunk.in[k] = (const char *)call->in[k] + offset;
    for (int k = 1; k < kernel->n_out; k++)
        chunk.out[k] = (char *)call->out[k] + offset;
    for (int k = 0; k < kernel->n_params; k++)
        if (call->param_array[k] != NULL)
            chunk.param_array[k] = (const char *)call->param_array[k] + offset;
    chunk.out[0] = memory;
    chunk.non_temporal = 0;
    chunk.wide = 1;
    kernel->loop(&chunk, 0, end - begin);
    return kernel->sum(memory, end - begin);
}

/* A fastact_task. */
static void sum_chunks(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const summation *work = context;
    const ptrdiff_t chunk = chunk_size(work->kernel), block = BLOCK_BYTES / computed_size(work->kernel);
    char *memory = work->memory + (ptrdiff_t)thread * BLOCK_BYTES;
    for (; begin < end; begin += chunk) {
        const ptrdiff_t stop = end - begin < chunk ? end : begin + chunk;
        double total = 0;
        for (ptrdiff_t at = begin; at < stop; at += block)
            total += sum_block(work->kernel, work->call, memory, at, stop - at < block ? stop : at + block);
        work->sums[(begin - work->first) / chunk] = total;
    }
}

static double sum_elements(summation *work, int threads, ptrdiff_t begin, ptrdiff_t end)
{
    const ptrdiff_t chunk = chunk_size(work->kernel), most = MAX_CHUNKS * chunk;
    const ptrdiff_t least = fastact_parallel_from(work->kernel);
    double total = 0;
    for (work->first = begin; work->first < end; work->first += most) {
        const ptrdiff_t left = end - work->first, size = left < most ? left : most;
        fastact_parallel(sum_chunks, work, work->first, work->first + size, chunk,
                         size < least ? 1 : threads);
        for (ptrdiff_t k = 0; k < (size + chunk - 1) / chunk; k++)
            total += work->sums[k];
    }
    return total;
}

int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                    ptrdiff_t end, double *total)
{
    const ptrdiff_t chunk = chunk_size(kernel), size = end - begin, count = (size + chunk - 1) / chunk;
    const int threads = size < fastact_parallel_from(kernel) ? 1 : fastact_threads();
    const size_t sums = sizeof(double) * (size_t)(count < MAX_CHUNKS ? count : MAX_CHUNKS);
    const size_t needed = (size_t)(size * computed_size(kernel));
    const size_t one = needed < BLOCK_BYTES ? needed : BLOCK_BYTES;
    /* Not on the stack: a thread may have as little as 128 KiB of it. */
    char *memory = malloc(sums + one * (size_t)threads + FASTACT_ALIGNMENT);
    if (memory == NULL)
        return FASTACT_NO_MEMORY;
    summation work = {kernel, call, begin, (double *)memory, memory + sums};
    work.memory += -(uintptr_t)work.memory % FASTACT_ALIGNMENT;
    const fastact_environment given = fastact_enter();
    *total += sum_elements(&work, threads, begin, end);
    fastact_leave(given);
    free(memory);
    return FASTACT_DONE;
}
