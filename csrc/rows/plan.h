/* How a call on rows is cut. Its rows fall into tiles; a row is cut into slabs, and those into chunks. */
#include <string.h>

#include "environment.h"
#include "fastact.h"

enum {
    CHUNK_BYTES = 1 << 14,    /* of a column: still in the first-level cache when it is read again */
    MAX_SLABS = 16,           /* of a row */
    TILE_BYTES = 1 << 14,     /* of several rows along the lanes */
    MAX_COLUMNS = 32,         /* of a tile */
    MAX_PACKED_COLUMNS = 8,   /* of a packed tile */
    PACKED_BYTES = 1 << 18,   /* a larger tile is packed chunk by chunk */
    FOLD_FROM = 16,           /* vectors; shorter rows do not share vectors */
    ROW_BYTES = 1 << 15,      /* a longer row is cut into slabs */
    ITEM_ELEMENTS = 1 << 12,  /* that a thread takes at a time */
    SLICE_ELEMENTS = 1 << 24, /* between checks for Ctrl-C */
    MAX_ITERATIONS = 1 << 12, /* of a solution, which takes 5 to 10; 600 for entmax of 300 equal elements, alpha = 30 */
};

/* Rows of more bytes are computed online: read twice and not three times, with exp computed twice. Packed rows from
   fewer bytes on: along an axis of 4,096, one column of vectors would fill the packed tile, while chunks of eight
   columns use all of each cache line. */
enum { FITS_BYTES = 1 << 19, PACKED_FITS_BYTES = PACKED_BYTES / 4 };

typedef struct {
    const fastact_row_kernel *kernel;
    const fastact_row_call *call;
    const fastact_row_loops *loops;
    int along, online, fused;
    int converts; /* elements are computed in another type: terms have no room in the output */
    ptrdiff_t rows, tile_rows, tiles; /* rows: of the whole call */
    ptrdiff_t tile_lanes;             /* of a packed tile */
    ptrdiff_t fold;                   /* rows that share a vector, or 0 */
    ptrdiff_t first_tile;             /* of the current slice */
    ptrdiff_t steps, last_lanes;      /* vectors of a row, and lanes of the last one */
    ptrdiff_t chunk, slab, slabs;     /* in steps */
    ptrdiff_t packed;                 /* steps that a packed tile holds at a time, or of terms along the rows */
    int threads;
    struct {
        ptrdiff_t values, online_values, merged, accumulators, runs, mask_runs, packed, bytes;
    } scratch; /* offsets within the scratch memory of one thread, and its size */
    char *memory;
    const fastact_row_parts *parts; /* or NULL */
    ptrdiff_t part_begin, part;     /* in steps: what of each slab is computed now */
    ptrdiff_t part_first, part_slabs; /* the slabs that are computed now */
    int (*stop)(void);
    int stopped; /* what `stop` has returned; it is called while no other thread works */
    fastact_environment given;
} plan;

static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static inline ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static inline ptrdiff_t ratio_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* The thread that computes a tile when all threads share its slabs. */
enum { ALL_THREADS = -1 };

_Static_assert(CHUNK_BYTES * MAX_SLABS == FASTACT_ROW_PART_BYTES, "a part has room for a chunk of each slab");

/* call.c: whether the call is to end early; for the calling thread. */
int fastact_told_to_stop(plan *p);
/* tile.c: computes one tile, on the given thread or on all of them. */
void fastact_run_tile(plan *p, ptrdiff_t number, int thread);
