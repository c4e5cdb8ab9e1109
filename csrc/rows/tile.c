/* One tile of rows, from its operands to the loops of the kernel.

   A tile whose rows are contiguous (inner == 1) is read in place, along the rows. In any other a lane is a row, or
   several lanes are one of a few long rows; it is read in place, across the rows, if adjacent rows are adjacent in
   memory and fill vectors, and else packed into columns of vectors. Elements of 16 bits are converted where a tile is
   read along the rows, and by the packing everywhere else.

   Terms are stored where the results will be, or if these have no room for them in the memory of packed tiles.

   The boundaries of slabs and chunks depend only on the length of a row. Chunks are accumulated in order into their
   slab, and slabs in order into the row: the result is the same whether one thread computes a tile or several share
   its slabs. */
#include "rows/blocks.h"

/* --- one slab ------------------------------------------------------------------------------ */

typedef void (*slab_task)(tile *t, int thread, ptrdiff_t slab);

static char *accumulators_of(tile *t, ptrdiff_t slab)
{
    return t->accumulators + slab * t->columns * t->plan->kernel->type->accumulator;
}

#define EACH_CHUNK(p, slab_number, begin, end)                                                     \
    for (ptrdiff_t begin = (slab_number) * (p)->slab + (p)->part_begin,                            \
                   stop_at = smaller(smaller(begin + (p)->part, ((slab_number) + 1) * (p)->slab), (p)->steps), \
                   end = smaller(begin + (p)->chunk, stop_at);                                     \
         begin < stop_at; begin = end, end = smaller(begin + (p)->chunk, stop_at))

static void pack_slab(tile *t, int thread, ptrdiff_t slab)
{
    const plan *p = t->plan;
    const ptrdiff_t begin = slab * p->slab;
    (void)thread;
    pack(t, t->packed, begin, smaller(begin + p->slab, p->steps), 0);
}

static void max_of_slab(tile *t, int thread, ptrdiff_t slab)
{
    const plan *p = t->plan;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, thread, begin, end);
        b.accumulators = accumulators_of(t, slab);
        b.fresh = begin == slab * p->slab;
        p->loops->max(&b);
    }
}

static int stores_terms(const tile *t)
{
    const plan *p = t->plan;
    const int has_room = t->across || t->packed != NULL || (p->along && !p->converts);
    return p->loops->map_stored != NULL && !p->online && has_room && p->parts == NULL;
}

static void sum_of_slab(tile *t, int thread, ptrdiff_t slab)
{
    const plan *p = t->plan;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, thread, begin, end);
        b.accumulators = accumulators_of(t, slab);
        b.fresh = begin == slab * p->slab;
        if (!stores_terms(t))
            b.terms = NULL;
        p->loops->sum(&b);
    }
}

static void reduce_max(const plan *p, const fastact_block *b)
{
    p->kernel->type->reduce_max(b);
    if (p->loops->prepare != NULL)
        p->loops->prepare(b);
}

/* Maximum and sums in one pass: the sums so far are rescaled when the maximum increases. */
static void online_of_slab(tile *t, int thread, ptrdiff_t slab)
{
    const plan *p = t->plan;
    char *values = scratch_of(p, thread) + p->scratch.online_values;  /* the maximum so far differs from slab to slab */
    memcpy(values, t->values, (size_t)(p->kernel->type->itemsize * FASTACT_MAX_ROWS * FASTACT_MAX_ROW_INPUTS));
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, thread, begin, end);
        b.accumulators = accumulators_of(t, slab);
        b.values = values;
        b.fresh = begin == slab * p->slab;
        b.terms = NULL;
        p->loops->max(&b);
        reduce_max(p, &b);
        if (!b.fresh)
            p->loops->rescale(&b);
        p->loops->sum(&b);
    }
}

static void map_of_slab(tile *t, int thread, ptrdiff_t slab)
{
    const plan *p = t->plan;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, thread, begin, end);
        if (stores_terms(t))
            p->loops->map_stored(&b);
        else
            p->loops->map(&b);
        if (!p->along && !t->across)
            p->kernel->type->unpack(t->runs, b.out, p->call->out, begin, end, b.out_step);
    }
}

/* --- tiles ------------------------------------------------------------------------------------------------- */

typedef struct {
    tile *tile;
    slab_task task;
    ptrdiff_t first; /* slab of the current slice */
} shared_tile;

static void run_slabs(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const shared_tile *shared = context;
    for (ptrdiff_t slab = shared->first + begin; slab < shared->first + end; slab++)
        shared->task(shared->tile, thread, slab);
}

static ptrdiff_t elements_of_slab(const plan *p)
{
    return p->slab * (p->along ? p->kernel->type->width * p->tile_rows : p->tile_lanes);
}

/* `stop` runs signal handlers, in the floating-point environment of the caller. */
int fastact_told_to_stop(plan *p)
{
    if (p->stop != NULL && !p->stopped) {
        fastact_leave(p->given);
        p->stopped = p->stop();
        p->given = fastact_enter();
    }
    return p->stopped;
}

/* Moves a part of some slabs between the row and the arrays of the call. */
static void move(plan *p, int (*moved)(void *context, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t at))
{
    const ptrdiff_t width = p->kernel->type->width;
    fastact_leave(p->given);
    for (ptrdiff_t k = 0; k < p->part_slabs && p->part_first + k < p->slabs && !p->stopped; k++) {
        const ptrdiff_t slab = (p->part_first + k) * p->slab, begin = slab + p->part_begin;
        const ptrdiff_t end = smaller(smaller(begin + p->part, slab + p->slab), p->steps);
        if (begin < end)
            p->stopped = moved(p->parts->context, begin * width, smaller(end * width, p->call->axis),
                               k * p->part * width);
    }
    p->given = fastact_enter();
}

/* Some slabs after the others, and of them a part after the other. */
static void each_part(shared_tile *shared)
{
    plan *p = shared->tile->plan;
    for (p->part_first = 0; p->part_first < p->slabs; p->part_first += p->part_slabs)
        for (p->part_begin = 0; p->part_begin < p->slab && !p->stopped; p->part_begin += p->part) {
            shared->first = p->part_first;
            move(p, p->parts->load);
            if (!p->stopped)
                fastact_parallel(run_slabs, shared, 0, smaller(p->part_slabs, p->slabs - p->part_first), 1,
                                 p->threads);
            if (!p->stopped && shared->task == map_of_slab)
                move(p, p->parts->store);
        }
}

/* All slabs, on the given thread or on all of them. Once it is told to stop, the call skips all slabs that remain; the
   values computed from such partial sums go nowhere but into the output. */
static void each_slab(tile *t, int thread, slab_task task)
{
    plan *p = t->plan;
    shared_tile shared = {t, task, 0};
    if (p->parts != NULL) {
        each_part(&shared);
        return;
    }
    if (thread != ALL_THREADS) {
        run_slabs(&shared, thread, 0, p->slabs);
        return;
    }
    const ptrdiff_t slice = larger(p->threads, SLICE_ELEMENTS / larger(1, elements_of_slab(p)));
    for (; shared.first < p->slabs && !p->stopped; shared.first += slice) {
        if (shared.first > 0 && fastact_told_to_stop(p))
            return;
        fastact_parallel(run_slabs, &shared, 0, smaller(slice, p->slabs - shared.first), 1, p->threads);
    }
}

/* The accumulators of all slabs, merged in order. */
static fastact_block merged(tile *t)
{
    const fastact_row_type *type = t->plan->kernel->type;
    fastact_block b = t->block;
    b.accumulators = accumulators_of(t, 0);
    if (t->plan->slabs == 1)
        return b;
    b.accumulators = t->merged;
    type->clear(&b);
    for (ptrdiff_t slab = 0; slab < t->plan->slabs; slab++)
        type->merge(&b, accumulators_of(t, slab));
    return b;
}

static void find_max(tile *t, int thread)
{
    each_slab(t, thread, max_of_slab);
    const fastact_block b = merged(t);
    reduce_max(t->plan, &b);
}

static void find_sums(tile *t, int thread)
{
    each_slab(t, thread, sum_of_slab);
    const fastact_block b = merged(t);
    t->plan->kernel->type->reduce_sums(&b, t->plan->kernel->n_sums);
}

static void find_online(tile *t, int thread)
{
    const plan *p = t->plan;
    each_slab(t, thread, online_of_slab);
    fastact_block b = merged(t);
    reduce_max(p, &b);
    for (ptrdiff_t slab = 0; slab < p->slabs && p->slabs > 1; slab++) {
        b.accumulators = accumulators_of(t, slab);
        p->loops->rescale(&b);
    }
    b = merged(t);
    p->kernel->type->reduce_sums(&b, p->kernel->n_sums);
}

static void solve(tile *t, int thread)
{
    fastact_block b = t->block;
    t->plan->loops->start(&b);
    for (int k = 0; k < MAX_ITERATIONS && !b.last_iteration; k++) {
        find_sums(t, thread);
        b.last_iteration = !t->plan->loops->next(&b);
    }
    if (b.last_iteration)
        t->plan->loops->next(&b);
}

static char *values_of(tile *t, int slot)
{
    return t->values + slot * FASTACT_MAX_ROWS * t->plan->kernel->type->itemsize;
}

static void compute(tile *t, int thread)
{
    const plan *p = t->plan;
    const fastact_row_kernel *kernel = p->kernel;
    const ptrdiff_t item = kernel->type->itemsize, bytes = t->rows * item;
    const fastact_block b = t->block;
    for (int k = 0; k < kernel->n_row_in; k++) {
        memcpy(values_of(t, k), (const char *)p->call->row_in[k] + t->first * item, (size_t)bytes);
        for (ptrdiff_t lane = p->fold; p->fold && lane < kernel->type->width; lane++)
            memcpy(values_of(t, k) + lane * item, values_of(t, k) + lane % p->fold * item, (size_t)item);
    }
    if (p->fused) {
        fastact_block whole = block(t, thread, 0, p->steps);
        whole.terms = NULL;
        p->loops->fused(&whole);
        return;
    }
    if (t->packed != NULL && !p->along)
        each_slab(t, thread, pack_slab);
    if (p->online) {
        find_online(t, thread);
    } else if (kernel->statistic != fastact_none) {
        if (kernel->statistic != fastact_sums)
            find_max(t, thread);
        if (kernel->statistic == fastact_solve)
            solve(t, thread);
        else
            find_sums(t, thread);
    }
    p->loops->finish(&b);
    if (kernel->n_out > 0)
        each_slab(t, thread, map_of_slab);
    for (int k = 0; k < kernel->n_row_out; k++)
        memcpy((char *)p->call->row_out[k] + t->first * item, values_of(t, FASTACT_ROW_SLOTS + k),
               (size_t)bytes);
}

void fastact_run_tile(plan *p, ptrdiff_t number, int thread)
{
    tile t;
    const fastact_row_call *call = p->call;
    const ptrdiff_t width = p->kernel->type->width;
    char *scratch = scratch_of(p, thread);
    t.plan = p;
    t.values = scratch + p->scratch.values;
    t.merged = scratch + p->scratch.merged;
    t.accumulators = scratch + p->scratch.accumulators;
    t.runs = (fastact_runs *)(scratch + p->scratch.runs);
    t.mask_runs = (fastact_runs *)(scratch + p->scratch.mask_runs);
    t.first = number * p->tile_rows;
    t.rows = smaller(p->tile_rows, p->rows - t.first);
    t.columns = p->along ? t.rows : ratio_up(t.rows, width);
    t.packed = NULL;
    t.across = 0;
    if (!p->along) {
        find_runs(&t, t.runs, call->axis * call->inner);
        if (call->mask != NULL)
            find_runs(&t, t.mask_runs, call->mask_is_shared ? 0 : call->axis * call->inner);
        t.across = is_across(&t);
    }
    if (p->packed == p->steps && !t.across)
        t.packed = scratch + p->scratch.packed;
    t.block = empty_block(&t);
    compute(&t, thread);
}
