/* How a call on rows is cut up, and blocks of rows as the loops take them. Included by rows.c. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "fastact.h"

enum {
    CHUNK_BYTES = 1 << 14,  /* of a column; what is read twice is in the first-level cache still */
    MAX_SLABS = 16,         /* of a row */
    TILE_BYTES = 1 << 14,   /* of several rows along the lanes */
    MAX_COLUMNS = 32,       /* of a tile */
    MAX_PACKED_COLUMNS = 8, /* of a packed tile */
    PACKED_BYTES = 1 << 18, /* a tile that is larger is packed chunk by chunk */
    FOLD_FROM = 16,         /* vectors; few rows this long do not get a lane each */
    ROW_BYTES = 1 << 15,    /* a longer row is cut into slabs */
    ITEM_ELEMENTS = 1 << 12,  /* that a worker takes at a time */
    SLICE_ELEMENTS = 1 << 24, /* between looks for Ctrl-C */
    MAX_ROUNDS = 64, /* of a solution, which takes 5 to 10 */
};

/* Rows of more bytes than this are read twice and not three times, and exp is computed twice. Packed rows
   from fewer on: along an axis of 4,096, one column of vectors would fill the packed tile, while chunks of
   eight columns use whole stretches of memory. */
enum { FITS_BYTES = 1 << 19, PACKED_FITS_BYTES = PACKED_BYTES / 4 };

typedef struct {
    const fastact_row_kernel *kernel;
    const fastact_row_call *call;
    const fastact_row_loops *loops;
    int along, online;
    ptrdiff_t rows, tile_rows, tiles; /* rows: of the whole call */
    ptrdiff_t tile_lanes;             /* of a packed tile */
    ptrdiff_t fold;                   /* rows that share a vector, several elements of each; or 0 */
    ptrdiff_t first_tile;             /* of the present slice */
    ptrdiff_t steps, last;            /* vectors of a row, and lanes of the last one */
    ptrdiff_t chunk, slab, slabs;     /* in steps */
    ptrdiff_t packed;                 /* steps that a packed tile holds at a time */
    int threads;                      /* as many as there are shares */
    struct {
        ptrdiff_t values, online_values, total, known, runs, mask_runs, packed, bytes;
    } share; /* where what a worker keeps of a tile lies in its share of `memory`, and the size of a share */
    char *memory;
    int (*stop)(void);
    int stopped; /* what `stop` has answered; asked when no worker is at work */
    fastact_environment given;
} plan;

/* A tile and what is known of it. What it points to is in the share of memory of the worker that has the tile: a
   thread may have as little as 128 KiB of stack. */
typedef struct {
    plan *plan;
    ptrdiff_t first, rows, columns;
    int across;   /* its rows lie side by side, and fill vectors: they are not packed */
    char *packed; /* the elements if they are packed once, and then shared; or NULL */
    char *values, *total, *known;
    fastact_runs *runs, *mask_runs; /* of rows that are not along */
    fastact_block block;            /* without elements */
} tile;

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }
static ptrdiff_t larger(ptrdiff_t a, ptrdiff_t b) { return a > b ? a : b; }
static ptrdiff_t ratio_up(ptrdiff_t a, ptrdiff_t b) { return (a + b - 1) / b; }

/* The share of a worker; -1 is the calling one, with all the others to help it. */
static char *share_of(const plan *p, int worker)
{
    return p->memory + larger(worker, 0) * p->share.bytes;
}

/* --- blocks --------------------------------------------------------------------------------------------- */

/* Made once a tile: a block takes 9 ns to clear, and rows of 128 float32 fill a tile in 400. */
static fastact_block empty_block(const tile *t)
{
    const plan *p = t->plan;
    fastact_block b = {0};
    b.columns = t->columns;
    b.rows = p->fold ? p->kernel->lanes->width : t->rows;
    b.along = p->along;
    b.fold = (int)p->fold;
    b.param = p->call->param;
    b.values = t->values;
    b.last = p->kernel->lanes->width;
    return b;
}

/* The block of steps [begin, end) where its rows are. */
static void place_along(tile *t, fastact_block *b, ptrdiff_t begin)
{
    const plan *p = t->plan;
    const fastact_row_call *call = p->call;
    const ptrdiff_t item = p->kernel->lanes->item, axis = call->axis;
    const ptrdiff_t at = t->first * axis + begin * p->kernel->lanes->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        b->in[k] = (const char *)call->in[k] + at * item;
    b->in_step = b->out_step = b->terms_step = axis;
    if (call->out != NULL)
        b->out = (char *)call->out + at * item;
    if (call->mask != NULL) {
        b->mask = call->mask + (call->mask_is_shared ? at - t->first * axis : at);
        b->mask_step = call->mask_is_shared ? 0 : axis;
    }
    if (begin + b->steps == p->steps)
        b->last = p->last;
}

/* Where `packed` keeps input k, or the mask after the last input. */
static char *packed_part(const plan *p, char *packed, int k)
{
    return packed + k * p->tile_lanes * p->packed * p->kernel->lanes->item;
}

static void pack_mask(const tile *t, unsigned char *to, ptrdiff_t begin, ptrdiff_t end)
{
    const plan *p = t->plan;
    const ptrdiff_t width = p->kernel->lanes->width;
    for (ptrdiff_t r = 0; r < t->mask_runs->count; r++) {
        const fastact_run_of_rows *run = &t->mask_runs->run[r];
        unsigned char *at = to + run->row / width * p->packed * width + run->row % width;
        const unsigned char *from = p->call->mask + run->offset + begin * t->mask_runs->stride;
        for (ptrdiff_t j = begin; j < end; j++, at += width, from += t->mask_runs->stride)
            for (ptrdiff_t k = 0; k < (j == t->mask_runs->cut ? t->mask_runs->cut_length : run->length); k++)
                at[k] = from[k];
    }
}

static void pack(const tile *t, char *packed, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t origin)
{
    const plan *p = t->plan;
    const fastact_row_lanes *lanes = p->kernel->lanes;
    const ptrdiff_t at = (begin - origin) * lanes->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        lanes->pack(t->runs, p->call->in[k], packed_part(p, packed, k) + at * lanes->item, begin, end,
                    p->packed * lanes->width);
    if (p->call->mask != NULL)
        pack_mask(t, (unsigned char *)packed_part(p, packed, p->kernel->n_in) + at, begin, end);
}

/* The block of steps [begin, end) of a packed tile whose first step is `origin`. */
static void place_packed(tile *t, fastact_block *b, char *packed, ptrdiff_t begin, ptrdiff_t origin)
{
    const plan *p = t->plan;
    const fastact_row_lanes *lanes = p->kernel->lanes;
    const ptrdiff_t at = (begin - origin) * lanes->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        b->in[k] = packed_part(p, packed, k) + at * lanes->item;
    b->out = (void *)b->in[0];
    b->in_step = b->out_step = b->terms_step = b->mask_step = p->packed * lanes->width;
    if (p->call->mask != NULL)
        b->mask = (unsigned char *)packed_part(p, packed, p->kernel->n_in) + at;
    if (begin + b->steps == p->steps)
        b->last = p->last;
}

/* The block of steps [begin, end) of a tile whose rows lie side by side. */
static void place_across(tile *t, fastact_block *b, ptrdiff_t begin)
{
    const fastact_row_call *call = t->plan->call;
    const ptrdiff_t at = (t->runs->run[0].offset + begin * call->inner) * t->plan->kernel->lanes->item;
    for (int k = 0; k < t->plan->kernel->n_in; k++)
        b->in[k] = (const char *)call->in[k] + at;
    if (call->out != NULL)
        b->out = (char *)call->out + at;
    b->across = 1;
    b->stride = call->inner;
}

/* The block of steps [begin, end), for reading. */
static fastact_block block(tile *t, int worker, ptrdiff_t begin, ptrdiff_t end)
{
    const plan *p = t->plan;
    fastact_block b = t->block;
    b.steps = end - begin;
    if (p->along) {
        place_along(t, &b, begin);
    } else if (t->across) {
        place_across(t, &b, begin);
    } else if (t->packed != NULL) {
        place_packed(t, &b, t->packed, begin, 0);
    } else {
        char *packed = share_of(p, worker) + p->share.packed;
        pack(t, packed, begin, end, begin);
        place_packed(t, &b, packed, begin, begin);
    }
    return b;
}
