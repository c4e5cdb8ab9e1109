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

struct fastact_code;

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
    const struct fastact_code *code; /* what fastact_run_code calls; other loops do not look at it */
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

/* Machine code that another compiler made, and how to call it: result and error are of no interest. */
typedef int (*fastact_entry)(void **result, void **error, ptrdiff_t address,
                             const void *const *in, void *const *out, const double *param,
                             const void *const *param_array, ptrdiff_t count);
typedef struct fastact_code {
    fastact_entry entry;
    ptrdiff_t storing, streaming; /* what the entry calls; streaming may be 0 until it is needed */
    ptrdiff_t item; /* bytes of an element */
    int n_in, n_out, n_params;
} fastact_code;

/* code.c: a fastact_loop. */
void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end);

/* Machine code for one piece of any job, which it finds at the context. */
typedef int (*fastact_piece)(void **result, void **error, ptrdiff_t context, ptrdiff_t number);
/* code.c: all pieces, on the threads that fastact_set_threads allows. */
void fastact_share(fastact_piece piece, ptrdiff_t context, ptrdiff_t pieces);

/* --- rows ------------------------------------------------------------------------------------------------- */

#define FASTACT_MAX_ROW_INPUTS 2
#define FASTACT_MAX_ROW_OUTPUTS 2
#define FASTACT_MAX_SUMS 2
#define FASTACT_ROW_SLOTS 16  /* values that a row may have */
#define FASTACT_MAX_ROWS 256  /* in a block; a multiple of every width */
#define FASTACT_MAX_WIDTH 16  /* lanes of the widest vector */

/* How a row is summed up before its elements are computed. */
enum fastact_statistic { fastact_none, fastact_sums, fastact_exp_sum, fastact_solve };

/* Rows as the lanes see them: columns of vectors. A vector holds consecutive elements of one row, if
   `along`, and otherwise one element each of as many rows, or some each of `fold` rows. Steps are in
   elements. */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out;
    void *terms; /* where the first term of each element is kept; NULL: nowhere */
    const unsigned char *mask; /* NULL: every element counts */
    ptrdiff_t in_step, out_step, terms_step, mask_step; /* from column to column */
    ptrdiff_t columns, steps, last; /* steps: vectors in a column; last: lanes of the last one */
    ptrdiff_t rows;
    int along, fold;
    int across;       /* of the columns of unmasked rows, each begins where the one before it ends: */
    ptrdiff_t stride; /* from step to step of them */
    int fresh; /* nothing is known yet */
    const double *param;
    void *values; /* [FASTACT_ROW_SLOTS + FASTACT_MAX_ROW_OUTPUTS][FASTACT_MAX_ROWS] */
    void *known;  /* what the reductions have found, for each column */
    int settle;   /* take the value that comes next although it is smaller */
} fastact_block;

/* The loops of one row kernel over a block; NULL where its statistic has no use for one. */
typedef struct {
    void (*max)(const fastact_block *b);
    void (*prepare)(const fastact_block *b); /* once the maximum is a row value, before sums */
    void (*sum)(const fastact_block *b);
    void (*row)(const fastact_block *b); /* sum, finish and map of whole rows */
    void (*move)(const fastact_block *b); /* the sums become relative to the maximum of the row values */
    void (*start)(const fastact_block *b);
    int (*next)(const fastact_block *b); /* whether the value of any row has grown */
    void (*finish)(const fastact_block *b);
    void (*map)(const fastact_block *b);
    void (*map_stored)(const fastact_block *b); /* the same from the terms */
} fastact_row_loops;

/* Rows of which consecutive ones lie side by side in memory, and where they go in a packed block. */
typedef struct {
    ptrdiff_t row, length, offset;
} fastact_run_of_rows;

typedef struct {
    ptrdiff_t count, stride; /* stride: from one element of a row to the next */
    ptrdiff_t axis;          /* the length of a row */
    int whole;               /* each run fills a vector */
    ptrdiff_t cut, cut_length; /* a last step that is shorter, or -1 */
    fastact_run_of_rows run[FASTACT_MAX_ROWS];
} fastact_runs;

/* What the row kernels of one element type share. */
typedef struct {
    ptrdiff_t width, item, known; /* lanes; bytes of an element; bytes of what is known of a column */
    void (*clear)(const fastact_block *b);
    void (*merge)(const fastact_block *b, const void *known);
    void (*give_max)(const fastact_block *b);
    void (*give_sums)(const fastact_block *b, int n_sums);
    void (*pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                 ptrdiff_t end, ptrdiff_t column_step);
    void (*unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                   ptrdiff_t end, ptrdiff_t column_step);
} fastact_row_lanes;

typedef struct {
    const char *name;
    const char *pass;
    const char *dtype;
    enum fastact_statistic statistic;
    int n_in, n_row_in, n_out, n_row_out, n_sums, n_params;
    const double *defaults;
    const fastact_row_lanes *lanes;
    fastact_row_loops loops[2]; /* for any parameters, and for the default ones */
} fastact_row_kernel;

/* One call: element arrays are (outer, axis, inner), row arrays (outer, inner). */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    const void *row_in[FASTACT_MAX_ROW_INPUTS];
    void *out;
    void *row_out[FASTACT_MAX_ROW_OUTPUTS];
    const unsigned char *mask; /* NULL, or a byte for each element */
    int mask_is_shared;        /* it is that of one outer index, for all of them */
    ptrdiff_t outer, axis, inner;
    double param[FASTACT_MAX_PARAMS];
} fastact_row_call;

typedef struct {
    const char *isa;
    const char *lanes; /* for people: what the unit was compiled for */
    const fastact_kernel *kernels;
    int count;
    const fastact_row_kernel *row_kernels;
    int row_count;
} fastact_table;

/* dispatch.c: the tables that this processor can run, best first. Returns how many. */
#define FASTACT_MAX_TABLES 4
int fastact_tables(const fastact_table *tables[FASTACT_MAX_TABLES]);

/* pool.c: call the kernel's loop over [begin, end), on the threads that fastact_set_threads allows. */
#define FASTACT_MAX_THREADS 1024
void fastact_set_threads(int threads);
void fastact_run(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                 ptrdiff_t end);

/* Whether so many elements of the call, from an aligned one on, would go round the cache. */
int fastact_streams(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t size);

/* How a call ended that may need memory of its own, or may be told to stop. */
enum { FASTACT_DONE, FASTACT_STOPPED, FASTACT_NO_MEMORY };

/* fastact_run for flat operands whose first output is only summed: adds the sum to `total`. */
int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                    ptrdiff_t end, double *total);

/* Calls of fewer elements stay on the calling thread. */
ptrdiff_t fastact_parallel_from(const fastact_kernel *kernel);

/* pool.c: any work that falls into items, on so many threads at most; the numbers of workers are below that.
   fastact_threads() may change at any moment: what is sized by it and what runs on it take one answer. */
typedef void (*fastact_task)(void *context, int worker, ptrdiff_t begin, ptrdiff_t end);
int fastact_threads(void);
void fastact_parallel(fastact_task task, void *context, ptrdiff_t items, ptrdiff_t chunk, int threads);

/* rows.c: `stop`, if given, is asked from time to time whether to give up, on the calling thread. */
#define FASTACT_ROWS_LARGE (1 << 15) /* elements from which threads are used */
int fastact_run_rows(const fastact_row_kernel *kernel, const fastact_row_call *call, int (*stop)(void));

#endif
