/* Calls on rows: how they are cut, and on which threads the tiles run. */
#include <stdint.h>
#include <stdlib.h>

#include "rows/plan.h"

static void cut_rows(plan *p)
{
    const fastact_row_call *call = p->call;
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t width = type->width, vector = width * type->itemsize;
    p->along = call->step == 1 && call->axis >= 2 * width;
    p->loops = &(p->along ? p->kernel->along : p->kernel->across)[call->param[0] == p->kernel->defaults[0]];
    p->converts = type->element != type->itemsize;
    p->rows = call->outer * call->inner;
    p->steps = p->along ? ratio_up(call->axis, width) : call->axis;
    p->last_lanes = p->along ? call->axis - (p->steps - 1) * width : width;
    if (call->inner > 1 && call->step == call->inner && 2 * call->inner <= width && call->axis >= FOLD_FROM * width) {
        const ptrdiff_t elements = width / call->inner, left = call->axis % elements;
        p->fold = call->inner;
        p->steps = ratio_up(call->axis, elements);
        p->last_lanes = left ? left * call->inner : width;
    }
    /* The fused loop adds up in another order: only the length of a row may decide, not the number of threads. */
    p->fused = p->along && p->loops->fused != NULL && p->steps * vector <= ROW_BYTES;
    p->chunk = CHUNK_BYTES / vector;
    p->slab = larger(1, ratio_up(ratio_up(p->steps, p->chunk), MAX_SLABS)) * p->chunk;
    p->slabs = ratio_up(p->steps, p->slab);
    p->online = p->kernel->statistic == fastact_exp_sum
                && p->steps * vector > (p->along ? FITS_BYTES : PACKED_FITS_BYTES);
}

static void cut_tiles(plan *p)
{
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t vector = type->width * type->itemsize;
    if (p->along) {
        const ptrdiff_t rows = larger(1, TILE_BYTES / (p->steps * vector));
        p->tile_rows = p->fused ? smaller(FASTACT_MAX_ROWS, larger(1, 2 * ITEM_ELEMENTS / p->call->axis))
                                : smaller(MAX_COLUMNS, rows);
        p->tile_lanes = p->tile_rows * type->width;
        if (p->converts && p->loops->map_stored != NULL && p->tile_rows * p->steps * vector <= PACKED_BYTES)
            p->packed = p->steps;
    } else {
        const ptrdiff_t column = larger(1, p->steps * vector * p->kernel->n_in);
        const ptrdiff_t columns = p->online ? 0 : smaller(MAX_PACKED_COLUMNS, PACKED_BYTES / column);
        p->packed = columns > 0 ? p->steps : p->chunk;
        p->tile_lanes = (columns > 0 ? columns : MAX_PACKED_COLUMNS) * type->width;
        /* In place across the rows, the wider the better. Not with several slabs, each of which has accumulators. */
        if (!p->converts && p->call->mask == NULL && p->slabs == 1
            && (p->call->outer == 1 ? p->call->inner >= FASTACT_MAX_ROWS : p->call->inner % FASTACT_MAX_ROWS == 0))
            p->tile_lanes = smaller(MAX_COLUMNS * type->width, FASTACT_MAX_ROWS);
        if (p->fold)
            p->tile_lanes = type->width;
        p->tile_rows = p->fold ? p->fold : p->tile_lanes;
    }
    p->tiles = ratio_up(p->rows, p->tile_rows);
}

/* A part is of as many slabs as there are threads: the longer what is loaded at a time, the less its calls take.
   softmax of 2**20 float32, every second to every second, two threads: 2.1 ns an element; with a chunk of each slab, 4.6. */
static void cut_parts(plan *p)
{
    p->part = p->slab;
    p->part_slabs = p->slabs;
    if (p->parts == NULL)
        return;
    p->part_slabs = 1;
    while (p->part_slabs < p->threads && p->part_slabs < MAX_SLABS)
        p->part_slabs *= 2;
    p->part = MAX_SLABS / p->part_slabs * p->chunk;
}

/* Reserves scratch memory, and returns its offset. */
static ptrdiff_t reserve(plan *p, ptrdiff_t bytes)
{
    const ptrdiff_t at = p->scratch.bytes;
    p->scratch.bytes += ratio_up(bytes, FASTACT_ALIGNMENT) * FASTACT_ALIGNMENT;
    return at;
}

static void lay_out_scratch(plan *p)
{
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t columns = p->along ? p->tile_rows : ratio_up(p->tile_rows, type->width);
    const ptrdiff_t values = (FASTACT_ROW_SLOTS + FASTACT_MAX_ROW_OUTPUTS) * FASTACT_MAX_ROWS * type->itemsize;
    p->scratch.values = reserve(p, values);
    p->scratch.online_values = reserve(p, p->online ? values : 0);
    p->scratch.accumulators = reserve(p, p->fused ? 0 : p->slabs * columns * type->accumulator);
    p->scratch.merged = reserve(p, p->slabs > 1 ? columns * type->accumulator : 0);
    p->scratch.runs = reserve(p, p->along ? 0 : sizeof(fastact_runs));
    p->scratch.mask_runs = reserve(p, p->along || p->call->mask == NULL ? 0 : sizeof(fastact_runs));
    /* The inputs, and after them the mask. */
    p->scratch.packed = reserve(p, (p->kernel->n_in * type->itemsize + 1) * p->tile_lanes * p->packed);
}

static void run_tiles(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    plan *p = context;
    for (ptrdiff_t number = begin; number < end; number++)
        fastact_run_tile(p, p->first_tile + number, thread);
}

/* Tiles that a thread takes at a time. */
static ptrdiff_t tiles_at_a_time(const plan *p)
{
    return larger(1, ITEM_ELEMENTS / larger(1, p->call->axis * p->tile_rows));
}

/* Whether the threads share the slabs of each tile and not the tiles: where tiles are few, or too large to be computed
   between two checks for Ctrl-C. */
static int shares_slabs(const plan *p, ptrdiff_t tile_elements)
{
    return !p->fused && p->slabs > 1
           && (p->tiles < 4 * p->threads || tile_elements >= SLICE_ELEMENTS);
}

static int run_all(plan *p)
{
    if (p->parts != NULL) {
        fastact_run_tile(p, 0, ALL_THREADS);
        return p->stopped ? FASTACT_STOPPED : FASTACT_DONE;
    }
    const ptrdiff_t size = p->rows * p->call->axis, tile_elements = larger(1, size / p->tiles);
    const int shared = shares_slabs(p, tile_elements);
    if (size < FASTACT_ROWS_LARGE) {
        run_tiles(p, 0, 0, p->tiles);
        return FASTACT_DONE;
    }
    const ptrdiff_t slice = shared ? 1 : larger(1, SLICE_ELEMENTS / tile_elements);
    for (p->first_tile = 0; p->first_tile < p->tiles; p->first_tile += slice) {
        if (shared)
            fastact_run_tile(p, p->first_tile, ALL_THREADS);
        else
            fastact_parallel(run_tiles, p, 0, smaller(slice, p->tiles - p->first_tile), tiles_at_a_time(p),
                             p->threads);
        if (fastact_told_to_stop(p))
            return FASTACT_STOPPED;
    }
    return FASTACT_DONE;
}

static int run(plan p)
{
    const fastact_row_call *call = p.call;
    const ptrdiff_t size = call->outer * call->axis * call->inner;
    int done;
    if (call->outer * call->inner == 0)
        return FASTACT_DONE;
    p.threads = size < FASTACT_ROWS_LARGE ? 1 : fastact_threads();
    cut_rows(&p);
    cut_tiles(&p);
    if (p.parts != NULL) {
        p.fused = 0;
        p.packed = 0;
    }
    cut_parts(&p);
    lay_out_scratch(&p);
    /* Not aligned_alloc: softmax of 8 x 100 takes 2.69 us with malloc, 2.76 with that. */
    void *memory = malloc((size_t)(p.scratch.bytes * p.threads + FASTACT_ALIGNMENT));
    if (memory == NULL)
        return FASTACT_NO_MEMORY;
    p.memory = (char *)memory + -(uintptr_t)memory % FASTACT_ALIGNMENT;
    p.given = fastact_enter();
    done = run_all(&p);
    fastact_leave(p.given);
    free(memory);
    return done;
}

int fastact_run_rows(const fastact_row_kernel *kernel, const fastact_row_call *call, int (*stop)(void))
{
    return run((plan){.kernel = kernel, .call = call, .stop = stop});
}

int fastact_run_row_in_parts(const fastact_row_kernel *kernel, const fastact_row_call *call,
                             const fastact_row_parts *parts)
{
    return run((plan){.kernel = kernel, .call = call, .parts = parts});
}
