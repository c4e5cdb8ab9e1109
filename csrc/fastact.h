/* What the parts of the native backend share: kernel tables, elementwise calls, calls on rows, the thread pool. */
#ifndef FASTACT_H
#define FASTACT_H

#include <stddef.h>

#define FASTACT_MAX_INPUTS 4
#define FASTACT_MAX_OUTPUTS 3
#define FASTACT_MAX_PARAMS 4
#define FASTACT_ALIGNMENT 64 /* bytes of the widest vector, and of a cache line */

#define FASTACT_INLINE inline __attribute__((always_inline))
#define LANE static FASTACT_INLINE

/* How a call ended that allocates memory or can be interrupted. */
enum { FASTACT_DONE, FASTACT_STOPPED, FASTACT_NO_MEMORY };

/* --- elementwise ------------------------------------------------------------------------------------------ */

/* Cost classes; the thresholds of each are in elementwise/call.c. */
enum fastact_cost { fastact_move, fastact_cheap, fastact_exp, fastact_heavy };

/* One elementwise call. Each output is disjoint from every input or exactly the same memory. */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out[FASTACT_MAX_OUTPUTS];
    const void *param_array[FASTACT_MAX_PARAMS]; /* NULL: the parameter is the scalar below */
    double param[FASTACT_MAX_PARAMS];
    int non_temporal; /* set by fastact_run: non-temporal stores, and `begin` is aligned to FASTACT_ALIGNMENT */
    int wide;         /* set by fastact_run_sum: the first output is stored in the type that is computed in */
    ptrdiff_t line;   /* 0: all operands are contiguous; else elements of a contiguous line, and the distances in
                         bytes from line to line; or FASTACT_STRIDED, and those from element to element: */
    ptrdiff_t in_stride[FASTACT_MAX_INPUTS], out_stride[FASTACT_MAX_OUTPUTS];
    ptrdiff_t param_stride[FASTACT_MAX_PARAMS];
    const struct fastact_code *code; /* for fastact_run_code only */
} fastact_call;

enum { FASTACT_STRIDED = -1 };

/* Computes elements [begin, end) of contiguous operands, or of one line of them. */
typedef void (*fastact_loop)(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end);
/* The sum of `count` elements, in double precision and always in the same order. */
typedef double (*fastact_sum)(const void *elements, ptrdiff_t count);

typedef struct {
    const char *name;
    const char *pass;
    const char *dtype; /* "f64", "f32", or, computed as f32, "f16" or "bf16" */
    ptrdiff_t itemsize;
    int n_in, n_out, n_params;
    enum fastact_cost cost;
    fastact_loop loop;
    fastact_sum sum;
} fastact_kernel;

/* elementwise/call.c: all elements, on as many threads as fastact_set_threads allows. */
void fastact_run(const fastact_kernel *kernel, fastact_call *call, ptrdiff_t begin, ptrdiff_t end);

/* elementwise/strided.c: the elements [begin, end) of operands of any distances, on the thread that calls. */
void fastact_run_strided(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin, ptrdiff_t end);

/* The same for contiguous operands, without storing the first output: its sum is added to `total`. */
int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                    ptrdiff_t end, double *total);

/* Whether a call with this many elements uses non-temporal stores. */
int fastact_is_non_temporal(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t size);

/* Calls with fewer elements stay on the calling thread. */
ptrdiff_t fastact_parallel_from(const fastact_kernel *kernel);

/* --- machine code from another compiler ------------------------------------------------------------------- */

/* A function in Numba's calling convention; `result` and `error` are ignored. */
typedef int (*fastact_entry_point)(void **result, void **error, ptrdiff_t address,
                             const void *const *in, void *const *out, const double *param,
                             const void *const *param_array, ptrdiff_t count);
typedef struct fastact_code {
    fastact_entry_point entry_point;
    ptrdiff_t address;              /* of the code that the entry point calls */
    ptrdiff_t non_temporal_address; /* the same with non-temporal stores; 0 until it is compiled */
    ptrdiff_t itemsize;
    int n_in, n_out, n_params;
} fastact_code;

/* elementwise/compiled.c: a fastact_loop that calls call->code. */
void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end);

/* Piece `number` of a job that is described at the address `context`, in the same convention. */
typedef int (*fastact_piece)(void **result, void **error, ptrdiff_t context, ptrdiff_t number);
/* elementwise/compiled.c: all pieces, on as many threads as fastact_set_threads allows. */
void fastact_run_pieces(fastact_piece piece, ptrdiff_t context, ptrdiff_t pieces);

/* --- rows ------------------------------------------------------------------------------------------------- */

#define FASTACT_MAX_ROW_INPUTS 2
#define FASTACT_MAX_ROW_OUTPUTS 2
#define FASTACT_MAX_SUMS 2
#define FASTACT_ROW_SLOTS 16 /* values computed for each row: maximum, sums, ... */
#define FASTACT_MAX_ROWS 256 /* in a block; a multiple of every vector width */
#define FASTACT_MAX_WIDTH 16 /* lanes of the widest vector */

/* What is reduced over a row before its elements are computed. */
enum fastact_statistic { fastact_none, fastact_sums, fastact_exp_sum, fastact_solve };

/* A block of rows: columns of vectors. If `along`, a column is one row, and a vector holds consecutive elements of
   it; else each lane of a column is a row, or with `fold` the lanes k, k + fold, k + 2 * fold, ... are one. Steps
   and strides are in elements. */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out;
    void *terms;               /* where the first term of each element is stored for the map, or NULL */
    const unsigned char *mask; /* NULL: every element is included */
    ptrdiff_t in_step, out_step, terms_step, mask_step; /* from column to column */
    ptrdiff_t columns, steps, last_lanes; /* steps: vectors in a column, the last one of `last_lanes` lanes */
    ptrdiff_t rows;
    int along, fold;
    int across;       /* adjacent columns are adjacent in memory, and nothing is masked; */
    ptrdiff_t stride; /* then from step to step */
    int fresh;        /* the accumulators are to be initialised */
    const double *param;
    void *values;       /* [FASTACT_ROW_SLOTS + FASTACT_MAX_ROW_OUTPUTS][FASTACT_MAX_ROWS] */
    void *accumulators; /* one for each column */
    int last_iteration; /* of a solution: the next value is taken even if it is smaller */
} fastact_block;

/* The loops of one row kernel over a block; NULL where its statistic needs none. */
typedef struct {
    void (*max)(const fastact_block *b);
    void (*prepare)(const fastact_block *b); /* row values that the terms need, from the maximum */
    void (*sum)(const fastact_block *b);
    void (*fused)(const fastact_block *b);   /* sum, finish and map, row by row */
    void (*rescale)(const fastact_block *b); /* sums relative to an old maximum: to that of the row values */
    void (*start)(const fastact_block *b);
    int (*next)(const fastact_block *b); /* whether the value of any row has increased */
    void (*finish)(const fastact_block *b);
    void (*map)(const fastact_block *b);
    void (*map_stored)(const fastact_block *b); /* the same from the stored terms */
} fastact_row_loops;

/* Consecutive rows that are adjacent in memory: the first of them within the tile, how many, and where they are. */
typedef struct {
    ptrdiff_t row, length, offset;
} fastact_run_of_rows;

typedef struct {
    ptrdiff_t count, stride; /* stride: from one element of a row to the next */
    ptrdiff_t axis;          /* the length of a row */
    int full;                /* each run fills a vector */
    ptrdiff_t short_step, short_length; /* the last step if its runs are shorter; else short_step is -1 */
    fastact_run_of_rows run[FASTACT_MAX_ROWS];
} fastact_runs;

/* Contiguous elements of one type to another. */
typedef void (*fastact_conversion)(const void *from, void *to, ptrdiff_t count);

/* What all row kernels of one element type share. */
typedef struct {
    ptrdiff_t width, itemsize; /* lanes; bytes of an element as it is computed, */
    ptrdiff_t element;         /* and of one in memory: if they differ, packing converts, and nothing is across */
    ptrdiff_t accumulator;     /* bytes of an accumulator */
    void (*clear)(const fastact_block *b);
    void (*merge)(const fastact_block *b, const void *accumulators);
    void (*reduce_max)(const fastact_block *b); /* the maximum of each row becomes a row value */
    void (*reduce_sums)(const fastact_block *b, int n_sums);
    void (*pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                 ptrdiff_t end, ptrdiff_t column_step);
    void (*unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                   ptrdiff_t end, ptrdiff_t column_step);
} fastact_row_type;

typedef struct {
    const char *name;
    const char *pass;
    const char *dtype;
    enum fastact_statistic statistic;
    int n_in, n_row_in, n_out, n_row_out, n_sums, n_params;
    const double *defaults;
    const fastact_row_type *type;
    /* For any parameters, and for the default ones: along the rows, and over packed tiles or those across the rows. */
    fastact_row_loops along[2], across[2];
} fastact_row_kernel;

/* One call: element arrays are (outer, axis, inner), row arrays (outer, inner). */
typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    const void *row_in[FASTACT_MAX_ROW_INPUTS];
    void *out;
    void *row_out[FASTACT_MAX_ROW_OUTPUTS];
    const unsigned char *mask; /* NULL, or a byte for each element */
    int mask_is_shared;        /* the mask is (axis, inner), the same for all outer indices */
    ptrdiff_t outer, axis, inner;
    ptrdiff_t step; /* from one element of a row to the next: inner, or if outer is 1 and there is no mask, more */
    double param[FASTACT_MAX_PARAMS];
} fastact_row_call;

/* rows/call.c: `stop`, if not NULL, is called now and then on the calling thread; the call ends early if it returns
   nonzero. */
#define FASTACT_ROWS_LARGE (1 << 15) /* elements from which threads are used */
int fastact_run_rows(const fastact_row_kernel *kernel, const fastact_row_call *call, int (*stop)(void));

/* One row, of which the arrays of the call hold FASTACT_ROW_PART_BYTES of values, as they are computed, at a time.
   Elements [begin, end) of the row are at `at` of the arrays: `load` reads them, `store` writes the results. Both are
   called on the calling thread, while no other one works; the call ends early if one returns nonzero. */
#define FASTACT_ROW_PART_BYTES (1 << 18)
typedef struct {
    void *context;
    int (*load)(void *context, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t at);
    int (*store)(void *context, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t at);
} fastact_row_parts;
int fastact_run_row_in_parts(const fastact_row_kernel *kernel, const fastact_row_call *call,
                             const fastact_row_parts *parts);

/* --- rows of logcumsumexp (rows/cumulative.c) --------------------------------------------------------------- */

void fastact_running_maximum(const double *x, const double *carried, double *maximum, double *exponents, ptrdiff_t rows,
                             ptrdiff_t n);
void fastact_recurrence(const double *factor, const double *carried, double *terms, ptrdiff_t rows, ptrdiff_t n);

/* --- instruction sets ------------------------------------------------------------------------------------- */

typedef struct {
    const fastact_kernel *kernels;
    int count;
    const fastact_row_kernel *row_kernels;
    int row_count;
    fastact_conversion f16_to_f32, f32_to_f16, bf16_to_f32, f32_to_bf16;
} fastact_table;

typedef struct {
    const char *name; /* NULL ends the list */
    const char *description;
    int (*runs_here)(void);
    const fastact_table *table;
} fastact_instruction_set;

/* dispatch.c: the instruction sets of this build, best first. */
extern const fastact_instruction_set fastact_instruction_sets[];

/* --- the thread pool (pool.c) ----------------------------------------------------------------------------- */

#define FASTACT_MAX_THREADS 1024
void fastact_set_threads(int threads);
/* May change at any moment: memory that is sized by it and the job that uses it must share one answer. */
int fastact_threads(void);

/* Runs a task over [begin, end) in chunks, on at most `threads` threads, numbered from 0: the caller. */
typedef void (*fastact_task)(void *context, int thread, ptrdiff_t begin, ptrdiff_t end);
void fastact_parallel(fastact_task task, void *context, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t chunk,
                      int threads);

#endif
