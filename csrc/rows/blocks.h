/* A tile of rows, and the blocks that its loops get. Included by tile.c. */
#include "rows/plan.h"

/* What a tile points to is in the scratch memory of the thread that computes it and not on the stack, which may be as
   small as 128 KiB. */
typedef struct {
    plan *plan;
    ptrdiff_t first, rows, columns;
    int across;   /* adjacent rows are adjacent in memory, and fill vectors */
    char *packed; /* the elements if the whole tile is packed at once, or the terms along the rows; else NULL */
    char *values, *merged, *accumulators;
    fastact_runs *runs, *mask_runs; /* unless plan->along */
    fastact_block block;            /* without operands */
} tile;

/* A tile that all threads share is in the memory of the first one. */
static char *scratch_of(const plan *p, int thread)
{
    return p->memory + larger(thread, 0) * p->scratch.bytes;
}

/* Called once for a tile: clearing a block takes 9 ns, and a tile of rows of 128 float32 some 400. */
static fastact_block empty_block(const tile *t)
{
    const plan *p = t->plan;
    fastact_block b = {0};
    b.columns = t->columns;
    b.rows = p->fold ? p->kernel->type->width : t->rows;
    b.along = p->along;
    b.fold = (int)p->fold;
    b.param = p->call->param;
    b.values = t->values;
    b.last_lanes = p->kernel->type->width;
    return b;
}

/* Which of the tile's rows are adjacent in memory, and where. `outer_step`: elements from one outer index to the next,
   0 for a mask that is shared. */
static void find_runs(const tile *t, fastact_runs *runs, ptrdiff_t outer_step)
{
    const fastact_row_call *call = t->plan->call;
    const ptrdiff_t width = t->plan->kernel->type->width;
    ptrdiff_t outer = t->first / call->inner, inner = t->first % call->inner, lane = 0, length;
    runs->count = 0;
    runs->stride = call->step;
    runs->axis = call->axis;
    runs->full = 1;
    runs->short_step = -1;
    if (t->plan->fold) {
        const ptrdiff_t elements = width / call->inner, left = call->axis % elements;
        *runs = (fastact_runs){.count = 1, .stride = elements * call->inner, .short_step = -1};
        runs->run[0] = (fastact_run_of_rows){0, runs->stride, outer * outer_step};
        runs->short_step = left ? t->plan->steps - 1 : -1;
        runs->short_length = left * call->inner;
        return;
    }
    for (ptrdiff_t row = 0; row < t->rows; row += length) {
        length = smaller(smaller(width - lane, call->inner - inner), t->rows - row);
        runs->full &= length == width;
        runs->run[runs->count++] = (fastact_run_of_rows){row, length, outer * outer_step + inner};
        lane = lane + length == width ? 0 : lane + length;
        inner += length;
        if (inner == call->inner) {
            inner = 0;
            outer++;
        }
    }
}

static int is_across(const tile *t)
{
    const ptrdiff_t inner = t->plan->call->inner;
    return t->runs->full && !t->plan->converts && t->plan->call->mask == NULL
           && t->first / inner == (t->first + t->rows - 1) / inner;
}

/* Where a step is that is computed now, if the arrays of the call hold parts of a row. */
static ptrdiff_t part_place(const plan *p, ptrdiff_t step)
{
    return (step / p->slab - p->part_first) * p->part + step % p->slab - p->part_begin;
}

/* The operands of a block whose rows are read where they are, from step `begin` on. */
static void place_along(tile *t, fastact_block *b, ptrdiff_t begin)
{
    const plan *p = t->plan;
    const fastact_row_call *call = p->call;
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t axis = call->axis;
    const ptrdiff_t at = t->first * axis + (p->parts == NULL ? begin : part_place(p, begin)) * type->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        b->in[k] = (const char *)call->in[k] + at * type->element;
    b->in_step = b->out_step = b->terms_step = axis;
    if (call->out != NULL)
        b->out = (char *)call->out + at * type->element;
    b->terms = b->out;
    if (p->converts) {
        b->terms = t->packed == NULL ? NULL : t->packed + begin * type->width * type->itemsize;
        b->terms_step = p->packed * type->width;
    }
    if (call->mask != NULL) {
        b->mask = call->mask + (call->mask_is_shared ? at - t->first * axis : at);
        b->mask_step = call->mask_is_shared ? 0 : axis;
    }
}

/* Input k within packed memory; after the last input comes the mask. */
static char *packed_part(const plan *p, char *packed, int k)
{
    return packed + k * p->tile_lanes * p->packed * p->kernel->type->itemsize;
}

static void pack_mask(const tile *t, unsigned char *to, ptrdiff_t begin, ptrdiff_t end)
{
    const plan *p = t->plan;
    const ptrdiff_t width = p->kernel->type->width;
    for (ptrdiff_t r = 0; r < t->mask_runs->count; r++) {
        const fastact_run_of_rows *run = &t->mask_runs->run[r];
        unsigned char *at = to + run->row / width * p->packed * width + run->row % width;
        const unsigned char *from = p->call->mask + run->offset + begin * t->mask_runs->stride;
        for (ptrdiff_t j = begin; j < end; j++, at += width, from += t->mask_runs->stride)
            for (ptrdiff_t k = 0; k < (j == t->mask_runs->short_step ? t->mask_runs->short_length : run->length); k++)
                at[k] = from[k];
    }
}

static void pack(const tile *t, char *packed, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t origin)
{
    const plan *p = t->plan;
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t at = (begin - origin) * type->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        type->pack(t->runs, p->call->in[k], packed_part(p, packed, k) + at * type->itemsize, begin, end,
                   p->packed * type->width);
    if (p->call->mask != NULL)
        pack_mask(t, (unsigned char *)packed_part(p, packed, p->kernel->n_in) + at, begin, end);
}

/* The operands of a block in packed memory whose first step is `origin`. */
static void place_packed(tile *t, fastact_block *b, char *packed, ptrdiff_t begin, ptrdiff_t origin)
{
    const plan *p = t->plan;
    const fastact_row_type *type = p->kernel->type;
    const ptrdiff_t at = (begin - origin) * type->width;
    for (int k = 0; k < p->kernel->n_in; k++)
        b->in[k] = packed_part(p, packed, k) + at * type->itemsize;
    b->out = b->terms = (void *)b->in[0];
    b->in_step = b->out_step = b->terms_step = b->mask_step = p->packed * type->width;
    if (p->call->mask != NULL)
        b->mask = (unsigned char *)packed_part(p, packed, p->kernel->n_in) + at;
}

/* The operands of a block that is `across`. */
static void place_across(tile *t, fastact_block *b, ptrdiff_t begin)
{
    const fastact_row_call *call = t->plan->call;
    const ptrdiff_t at = (t->runs->run[0].offset + begin * call->step) * t->plan->kernel->type->itemsize;
    for (int k = 0; k < t->plan->kernel->n_in; k++)
        b->in[k] = (const char *)call->in[k] + at;
    if (call->out != NULL)
        b->out = (char *)call->out + at;
    b->terms = b->out;
    b->across = 1;
    b->stride = call->step;
}

/* The block of steps [begin, end), packed if necessary. */
static fastact_block block(tile *t, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const plan *p = t->plan;
    fastact_block b = t->block;
    b.steps = end - begin;
    if (end == p->steps && !t->across)
        b.last_lanes = p->last_lanes;
    if (t->across) {
        place_across(t, &b, begin);
    } else if (p->along) {
        place_along(t, &b, begin);
    } else if (t->packed != NULL) {
        place_packed(t, &b, t->packed, begin, 0);
    } else {
        char *packed = scratch_of(p, thread) + p->scratch.packed;
        pack(t, packed, begin, end, begin);
        place_packed(t, &b, packed, begin, begin);
    }
    return b;
}
