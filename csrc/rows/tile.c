/* Rows, from a call to the loops of its kernel.

   The rows of a call fall into tiles. A tile that runs along its rows (inner == 1) is read where it is; any
   other has a lane for each row, or several lanes for each of a few long rows. If its rows lie side by side
   it is walked across them, where it is; else they are packed into columns of vectors.

   A row is cut into slabs and those into chunks, at places that depend on nothing but its length. Chunks
   are summed up one by one into their slab, and slabs in order into the row. So the result is the same
   whether one thread takes a whole tile or several share its slabs. */
#include "row_blocks.h"

/* Whole rows by one worker, however many there are: the order of the sums is another. */
static int takes_rows(const plan *p)
{
    const fastact_row_lanes *lanes = p->kernel->lanes;
    return p->along && p->loops->row != NULL && p->steps * lanes->width * lanes->item <= ROW_BYTES;
}

/* --- what is done to one slab ------------------------------------------------------------------------------ */

typedef void (*slab_task)(tile *t, int worker, ptrdiff_t slab);

static char *known_of(tile *t, ptrdiff_t slab)
{
    return t->known + slab * t->columns * t->plan->kernel->lanes->known;
}

#define EACH_CHUNK(p, slab_number, begin, end)                                                     \
    for (ptrdiff_t begin = (slab_number) * (p)->slab,                                              \
                   stop_at = smaller(begin + (p)->slab, (p)->steps),                               \
                   end = smaller(begin + (p)->chunk, stop_at);                                     \
         begin < stop_at; begin = end, end = smaller(begin + (p)->chunk, stop_at))

static void pack_slab(tile *t, int worker, ptrdiff_t slab)
{
    const plan *p = t->plan;
    const ptrdiff_t begin = slab * p->slab;
    (void)worker;
    pack(t, t->packed, begin, smaller(begin + p->slab, p->steps), 0);
}

static void max_of_slab(tile *t, int worker, ptrdiff_t slab)
{
    const plan *p = t->plan;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, worker, begin, end);
        b.known = known_of(t, slab);
        b.fresh = begin == slab * p->slab;
        p->loops->max(&b);
    }
}

static int keeps_terms(const tile *t)
{
    const plan *p = t->plan;
    return p->loops->map_stored != NULL && !p->online && (p->along || t->across || t->packed != NULL);
}

/* Terms are kept where the output will be. */
static void sum_of_slab(tile *t, int worker, ptrdiff_t slab)
{
    const plan *p = t->plan;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, worker, begin, end);
        b.known = known_of(t, slab);
        b.fresh = begin == slab * p->slab;
        if (keeps_terms(t))
            b.terms = b.out;
        p->loops->sum(&b);
    }
}

static void give_max(const plan *p, const fastact_block *b)
{
    p->kernel->lanes->give_max(b);
    if (p->loops->prepare != NULL)
        p->loops->prepare(b);
}

/* Maximum and sums in one go: what has been summed up moves along when the maximum grows. */
static void online_of_slab(tile *t, int worker, ptrdiff_t slab)
{
    const plan *p = t->plan;
    char *values = share_of(p, worker) + p->share.online_values; /* the maximum so far is this slab's alone */
    memcpy(values, t->values, (size_t)(p->kernel->lanes->item * FASTACT_MAX_ROWS * FASTACT_MAX_ROW_INPUTS));
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, worker, begin, end);
        b.known = known_of(t, slab);
        b.values = values;
        b.fresh = begin == slab * p->slab;
        p->loops->max(&b);
        give_max(p, &b);
        if (!b.fresh)
            p->loops->move(&b);
        p->loops->sum(&b);
    }
}

static void map_of_slab(tile *t, int worker, ptrdiff_t slab)
{
    const plan *p = t->plan;
    const fastact_row_lanes *lanes = p->kernel->lanes;
    EACH_CHUNK(p, slab, begin, end)
    {
        fastact_block b = block(t, worker, begin, end);
        if (keeps_terms(t)) {
            b.terms = b.out;
            p->loops->map_stored(&b);
        } else {
            p->loops->map(&b);
        }
        if (!p->along && !t->across)
            lanes->unpack(t->runs, b.out, p->call->out, begin, end, b.out_step);
    }
}

/* --- tiles ------------------------------------------------------------------------------------------------- */

typedef struct {
    tile *tile;
    slab_task task;
    ptrdiff_t first; /* of the present slice */
} shared_tile;

static void run_slabs(void *context, int worker, ptrdiff_t begin, ptrdiff_t end)
{
    const shared_tile *shared = context;
    for (ptrdiff_t slab = shared->first + begin; slab < shared->first + end; slab++)
        shared->task(shared->tile, worker, slab);
}

static ptrdiff_t elements_of_slab(const plan *p)
{
    return p->slab * (p->along ? p->kernel->lanes->width * p->tile_rows : p->tile_lanes);
}

/* Signal handlers run in the caller's environment. */
static int told_to_stop(plan *p)
{
    if (p->stop != NULL && !p->stopped) {
        fastact_leave(p->given);
        p->stopped = p->stop();
        p->given = fastact_enter();
    }
    return p->stopped;
}

/* All slabs: by the calling worker, or if that is -1 by all of them, a slice at a time. Once told to stop, a call
   runs to its end without looking at another slab; what it computes then goes nowhere but into its output. */
static void each_slab(tile *t, int worker, slab_task task)
{
    plan *p = t->plan;
    shared_tile shared = {t, task, 0};
    if (worker >= 0) {
        run_slabs(&shared, worker, 0, p->slabs);
        return;
    }
    const ptrdiff_t slice = larger(p->threads, SLICE_ELEMENTS / larger(1, elements_of_slab(p)));
    for (; shared.first < p->slabs && !p->stopped; shared.first += slice) {
        if (shared.first > 0 && told_to_stop(p))
            return;
        fastact_parallel(run_slabs, &shared, smaller(slice, p->slabs - shared.first), 1, p->threads);
    }
}

/* What is known of the slabs, taken together in order. */
static fastact_block total(tile *t)
{
    const fastact_row_lanes *lanes = t->plan->kernel->lanes;
    fastact_block b = t->block;
    b.known = known_of(t, 0);
    if (t->plan->slabs == 1)
        return b;
    b.known = t->total;
    lanes->clear(&b);
    for (ptrdiff_t slab = 0; slab < t->plan->slabs; slab++)
        lanes->merge(&b, known_of(t, slab));
    return b;
}

static void find_max(tile *t, int worker)
{
    each_slab(t, worker, max_of_slab);
    const fastact_block b = total(t);
    give_max(t->plan, &b);
}

static void find_sums(tile *t, int worker)
{
    each_slab(t, worker, sum_of_slab);
    const fastact_block b = total(t);
    t->plan->kernel->lanes->give_sums(&b, t->plan->kernel->n_sums);
}

static void find_online(tile *t, int worker)
{
    const plan *p = t->plan;
    each_slab(t, worker, online_of_slab);
    fastact_block b = total(t);
    give_max(p, &b);
    for (ptrdiff_t slab = 0; slab < p->slabs && p->slabs > 1; slab++) {
        b.known = known_of(t, slab);
        p->loops->move(&b);
    }
    b = total(t);
    p->kernel->lanes->give_sums(&b, p->kernel->n_sums);
}

static void solve(tile *t, int worker)
{
    fastact_block b = t->block;
    t->plan->loops->start(&b);
    for (int round = 0; round < MAX_ROUNDS && !b.settle; round++) {
        find_sums(t, worker);
        b.settle = !t->plan->loops->next(&b);
    }
    if (b.settle)
        t->plan->loops->next(&b);
}

static char *values_of(tile *t, int slot)
{
    return t->values + slot * FASTACT_MAX_ROWS * t->plan->kernel->lanes->item;
}

static void compute(tile *t, int worker)
{
    const plan *p = t->plan;
    const fastact_row_kernel *kernel = p->kernel;
    const ptrdiff_t item = kernel->lanes->item, bytes = t->rows * item;
    const fastact_block b = t->block;
    for (int k = 0; k < kernel->n_row_in; k++) {
        memcpy(values_of(t, k), (const char *)p->call->row_in[k] + t->first * item, (size_t)bytes);
        for (ptrdiff_t lane = p->fold; p->fold && lane < kernel->lanes->width; lane++)
            memcpy(values_of(t, k) + lane * item, values_of(t, k) + lane % p->fold * item, (size_t)item);
    }
    if (takes_rows(p)) {
        const fastact_block whole = block(t, worker, 0, p->steps);
        p->loops->row(&whole);
        return;
    }
    if (t->packed != NULL)
        each_slab(t, worker, pack_slab);
    if (p->online) {
        find_online(t, worker);
    } else if (kernel->statistic != fastact_none) {
        if (kernel->statistic != fastact_sums)
            find_max(t, worker);
        if (kernel->statistic == fastact_solve)
            solve(t, worker);
        else
            find_sums(t, worker);
    }
    p->loops->finish(&b);
    if (kernel->n_out > 0)
        each_slab(t, worker, map_of_slab);
    for (int k = 0; k < kernel->n_row_out; k++)
        memcpy((char *)p->call->row_out[k] + t->first * item, values_of(t, FASTACT_ROW_SLOTS + k),
               (size_t)bytes);
}

/* Which of the tile's rows lie side by side, and where. `outer_step`: elements from one outer index to
   the next, none for a mask that they share. */
static void find_runs(const tile *t, fastact_runs *runs, ptrdiff_t outer_step)
{
    const fastact_row_call *call = t->plan->call;
    const ptrdiff_t width = t->plan->kernel->lanes->width;
    ptrdiff_t outer = t->first / call->inner, inner = t->first % call->inner, lane = 0, length;
    runs->count = 0;
    runs->stride = call->inner;
    runs->axis = call->axis;
    runs->whole = 1;
    runs->cut = -1;
    if (t->plan->fold) {
        const ptrdiff_t elements = width / call->inner, left = call->axis % elements;
        *runs = (fastact_runs){.count = 1, .stride = elements * call->inner, .cut = -1};
        runs->run[0] = (fastact_run_of_rows){0, runs->stride, outer * outer_step};
        runs->cut = left ? t->plan->steps - 1 : -1;
        runs->cut_length = left * call->inner;
        return;
    }
    for (ptrdiff_t row = 0; row < t->rows; row += length) {
        length = smaller(smaller(width - lane, call->inner - inner), t->rows - row);
        runs->whole &= length == width;
        runs->run[runs->count++] = (fastact_run_of_rows){row, length, outer * outer_step + inner};
        lane = lane + length == width ? 0 : lane + length;
        inner += length;
        if (inner == call->inner) {
            inner = 0;
            outer++;
        }
    }
}

static int lie_side_by_side(const tile *t)
{
    const ptrdiff_t inner = t->plan->call->inner;
    return t->runs->whole && t->plan->call->mask == NULL
           && t->first / inner == (t->first + t->rows - 1) / inner;
}

static void run_tile(plan *p, ptrdiff_t number, int worker)
{
    tile t;
    const fastact_row_call *call = p->call;
    const ptrdiff_t width = p->kernel->lanes->width;
    char *share = share_of(p, worker);
    t.plan = p;
    t.values = share + p->share.values;
    t.total = share + p->share.total;
    t.known = share + p->share.known;
    t.runs = (fastact_runs *)(share + p->share.runs);
    t.mask_runs = (fastact_runs *)(share + p->share.mask_runs);
    t.first = number * p->tile_rows;
    t.rows = smaller(p->tile_rows, p->rows - t.first);
    t.columns = p->along ? t.rows : ratio_up(t.rows, width);
    t.packed = NULL;
    t.across = 0;
    if (!p->along) {
        find_runs(&t, t.runs, call->axis * call->inner);
        if (call->mask != NULL)
            find_runs(&t, t.mask_runs, call->mask_is_shared ? 0 : call->axis * call->inner);
        t.across = lie_side_by_side(&t);
        if (p->packed == p->steps && !t.across)
            t.packed = share + p->share.packed;
    }
    t.block = empty_block(&t);
    compute(&t, worker);
}

static void run_tiles(void *context, int worker, ptrdiff_t begin, ptrdiff_t end)
{
    plan *p = context;
    for (ptrdiff_t number = begin; number < end; number++)
        run_tile(p, p->first_tile + number, worker);
}

/* --- calls ------------------------------------------------------------------------------------------------- */

static void cut_rows(plan *p)
{
    const fastact_row_call *call = p->call;
    const fastact_row_lanes *lanes = p->kernel->lanes;
    const ptrdiff_t width = lanes->width, vector = width * lanes->item;
    p->along = call->inner == 1 && call->axis >= 2 * width;
    p->rows = call->outer * call->inner;
    p->steps = p->along ? ratio_up(call->axis, width) : call->axis;
    p->last = p->along ? call->axis - (p->steps - 1) * width : width;
    if (call->inner > 1 && 2 * call->inner <= width && call->axis >= FOLD_FROM * width) {
        const ptrdiff_t elements = width / call->inner, left = call->axis % elements;
        p->fold = call->inner;
        p->steps = ratio_up(call->axis, elements);
        p->last = left ? left * call->inner : width;
    }
    p->chunk = CHUNK_BYTES / vector;
    p->slab = larger(1, ratio_up(ratio_up(p->steps, p->chunk), MAX_SLABS)) * p->chunk;
    p->slabs = ratio_up(p->steps, p->slab);
    p->online = p->kernel->statistic == fastact_exp_sum
                && p->steps * vector > (p->along ? FITS_BYTES : PACKED_FITS_BYTES);
}

static void cut_tiles(plan *p)
{
    const fastact_row_lanes *lanes = p->kernel->lanes;
    const ptrdiff_t vector = lanes->width * lanes->item;
    if (p->along) {
        const ptrdiff_t rows = larger(1, TILE_BYTES / (p->steps * vector));
        p->tile_rows = takes_rows(p) ? smaller(FASTACT_MAX_ROWS, larger(1, 2 * ITEM_ELEMENTS / p->call->axis))
                                     : smaller(MAX_COLUMNS, rows);
    } else {
        const ptrdiff_t column = larger(1, p->steps * vector * p->kernel->n_in);
        const ptrdiff_t columns = p->online ? 0 : smaller(MAX_PACKED_COLUMNS, PACKED_BYTES / column);
        p->packed = columns > 0 ? p->steps : p->chunk;
        p->tile_lanes = (columns > 0 ? columns : MAX_PACKED_COLUMNS) * lanes->width;
        /* Walked across, and the wider the better; what is known of slabs has no room for more columns. */
        if (p->call->mask == NULL && p->slabs == 1
            && (p->call->outer == 1 ? p->call->inner >= FASTACT_MAX_ROWS : p->call->inner % FASTACT_MAX_ROWS == 0))
            p->tile_lanes = smaller(MAX_COLUMNS * lanes->width, FASTACT_MAX_ROWS);
        if (p->fold)
            p->tile_lanes = lanes->width;
        p->tile_rows = p->fold ? p->fold : p->tile_lanes;
    }
    p->tiles = ratio_up(p->rows, p->tile_rows);
}

/* One more part of a share, of so many bytes: where it lies. */
static ptrdiff_t part(plan *p, ptrdiff_t bytes)
{
    const ptrdiff_t at = p->share.bytes;
    p->share.bytes += ratio_up(bytes, FASTACT_ALIGNMENT) * FASTACT_ALIGNMENT;
    return at;
}

static void cut_shares(plan *p)
{
    const fastact_row_lanes *lanes = p->kernel->lanes;
    const ptrdiff_t columns = p->along ? p->tile_rows : ratio_up(p->tile_rows, lanes->width);
    const ptrdiff_t values = (FASTACT_ROW_SLOTS + FASTACT_MAX_ROW_OUTPUTS) * FASTACT_MAX_ROWS * lanes->item;
    p->share.values = part(p, values);
    p->share.online_values = part(p, p->online ? values : 0);
    p->share.known = part(p, takes_rows(p) ? 0 : p->slabs * columns * lanes->known);
    p->share.total = part(p, p->slabs > 1 ? columns * lanes->known : 0);
    p->share.runs = part(p, p->along ? 0 : sizeof(fastact_runs));
    p->share.mask_runs = part(p, p->along || p->call->mask == NULL ? 0 : sizeof(fastact_runs));
    /* The inputs, and after them the mask. */
    p->share.packed = part(p, p->along ? 0 : (p->kernel->n_in * lanes->item + 1) * p->tile_lanes * p->packed);
}

/* Tiles that one worker should take at a time. */
static ptrdiff_t tiles_at_a_time(const plan *p)
{
    return larger(1, ITEM_ELEMENTS / larger(1, p->call->axis * p->tile_rows));
}

/* Whether the workers share the slabs of each tile, and not the tiles: these are few, or Ctrl-C would wait for one. */
static int shares_tiles(const plan *p, ptrdiff_t tile_elements)
{
    return !takes_rows(p) && p->slabs > 1
           && (p->tiles < 4 * p->threads || tile_elements >= SLICE_ELEMENTS);
}

static int run_all(plan *p)
{
    const ptrdiff_t size = p->rows * p->call->axis, tile_elements = larger(1, size / p->tiles);
    const int shared = shares_tiles(p, tile_elements);
    if (size < FASTACT_ROWS_LARGE) {
        run_tiles(p, 0, 0, p->tiles);
        return FASTACT_DONE;
    }
    const ptrdiff_t slice = shared ? 1 : larger(1, SLICE_ELEMENTS / tile_elements);
    for (p->first_tile = 0; p->first_tile < p->tiles; p->first_tile += slice) {
        if (shared)
            run_tile(p, p->first_tile, -1);
        else
            fastact_parallel(run_tiles, p, smaller(slice, p->tiles - p->first_tile), tiles_at_a_time(p),
                             p->threads);
        if (told_to_stop(p))
            return FASTACT_STOPPED;
    }
    return FASTACT_DONE;
}

int fastact_run_rows(const fastact_row_kernel *kernel, const fastact_row_call *call, int (*stop)(void))
{
    plan p = {.kernel = kernel, .call = call, .stop = stop};
    const ptrdiff_t size = call->outer * call->axis * call->inner;
    int done;
    p.loops = &kernel->loops[call->param[0] == kernel->defaults[0]];
    if (call->outer * call->inner == 0)
        return FASTACT_DONE;
    p.threads = size < FASTACT_ROWS_LARGE ? 1 : fastact_threads();
    cut_rows(&p);
    cut_tiles(&p);
    cut_shares(&p);
    /* Not aligned_alloc: softmax of 8 x 100 takes 2.69 us with malloc, 2.76 with that. */
    void *memory = malloc((size_t)(p.share.bytes * p.threads + FASTACT_ALIGNMENT));
    if (memory == NULL)
        return FASTACT_NO_MEMORY;
    p.memory = (char *)memory + -(uintptr_t)memory % FASTACT_ALIGNMENT;
    p.given = fastact_enter();
    done = run_all(&p);
    fastact_leave(p.given);
    free(memory);
    return done;
}
