/* What the parts of the native backend share: the call, the kernel table, the thread pool. */
#ifndef FASTACT_H
#define FASTACT_H

#include <stddef.h>

#define FASTACT_MAX_INPUTS 3
#define FASTACT_MAX_OUTPUTS 2
#define FASTACT_MAX_PARAMS 4

#define FASTACT_INLINE inline __attribute__((always_inline))
#define LANE static FASTACT_INLINE

/* Cost classes, in the order of the thresholds in pool.c. */
enum fastact_cost { fastact_move, fastact_cheap, fastact_exp, fastact_heavy };

/* One elementwise call. Each output is disjoint from every input or exactly the same memory. */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out[FASTACT_MAX_OUTPUTS];
    const void *param_array[FASTACT_MAX_PARAMS]; /* NULL: the parameter is the scalar below */
    double param[FASTACT_MAX_PARAMS];
    int stream; /* 1: the outputs go round the cache; begin is aligned to FASTACT_ALIGNMENT then */
    ptrdiff_t row; /* 0: flat; else every operand consists of rows of so many elements, each so many
                      bytes after the one before: */
    ptrdiff_t in_step[FASTACT_MAX_INPUTS], out_step[FASTACT_MAX_OUTPUTS];
    ptrdiff_t param_step[FASTACT_MAX_PARAMS];
    double *sums; /* not NULL: the first output is not stored but summed, into one for each chunk */
} fastact_call;

/* The widest vector, and a cache line. */
#define FASTACT_ALIGNMENT 64

/* Computes elements begin to end of flat operands; of rows, pool.c hands it one at a time. */
typedef void (*fastact_loop)(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end);
/* The sum of so many elements, in double precision and always in the same order. */
typedef double (*fastact_sum)(const void *elements, ptrdiff_t count);

typedef struct {
    const char *name;
    const char *pass;
    const char *dtype; /* "f32" or "f64" */
    int n_in, n_out, n_params;
    enum fastact_cost cost;
    fastact_loop loop;
    fastact_sum sum;
} fastact_kernel;

typedef struct {
    const char *isa;
    const char *lanes; /* for people: what the unit was compiled for */
    const fastact_kernel *kernels;
    int count;
} fastact_table;

/* dispatch.c: the tables that this processor can run, best first. Returns how many. */
#define FASTACT_MAX_TABLES 4
int fastact_tables(const fastact_table *tables[FASTACT_MAX_TABLES]);

/* pool.c: call the kernel's loop over [begin, end), on the threads that fastact_set_threads allows. */
#define FASTACT_MAX_THREADS 1024
void fastact_set_threads(int threads);
void fastact_run(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                 ptrdiff_t end);

/* The same for flat operands whose first output is only summed: the sum. */
double fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                       ptrdiff_t end);

/* Calls of fewer elements stay on the calling thread. */
ptrdiff_t fastact_parallel_from(const fastact_kernel *kernel);

#endif
