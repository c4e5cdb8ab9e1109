/* What all row kernels of one element type share: the type is that whose prefix T() adds. Included by rows.h. */

static void T(clear)(const fastact_block *b)
{
    T(statistic) *known = b->known;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        known[c].best = known[c].at = T(set)(-INFINITY);
        for (int s = 0; s < FASTACT_MAX_SUMS; s++)
            known[c].hi[s] = known[c].lo[s] = T(set)(0);
    }
}

static void T(merge)(const fastact_block *b, const void *others)
{
    T(statistic) *known = b->known;
    const T(statistic) *other = others;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        known[c].best = T(max)(other[c].best, known[c].best);
        for (int s = 0; s < FASTACT_MAX_SUMS; s++) {
            T(add_exactly)(&known[c].hi[s], &known[c].lo[s], other[c].hi[s]);
            known[c].lo[s] = T(add)(known[c].lo[s], other[c].lo[s]);
        }
    }
}

LANE void T(give)(const fastact_block *b, int slot, ptrdiff_t column, T(v) value)
{
    if (b->along)
        T(store_part)(T(values)(b, slot) + column, 1, value);
    else
        T(store)(T(values)(b, slot) + column * T(WIDTH), value);
}

/* The maximum becomes a row value. */
static void T(give_max)(const fastact_block *b)
{
    const T(statistic) *known = b->known;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(v) best = known[c].best;
        if (b->along)
#pragma GCC unroll 4
            for (int distance = 1; distance < T(WIDTH); distance *= 2)
                best = T(max)(best, T(flip)(best, distance));
        T(give)(b, ROW_MAX, c, best);
    }
}

/* The sums become row values. Where hi has overflowed, lo is a NaN that does not count. */
static void T(give_sums)(const fastact_block *b, int n_sums)
{
    const T(statistic) *known = b->known;
    for (ptrdiff_t c = 0; c < b->columns; c++)
        for (int s = 0; s < n_sums; s++) {
            T(v) hi = known[c].hi[s], lo = known[c].lo[s];
            if (b->along)
#pragma GCC unroll 4
                for (int distance = 1; distance < T(WIDTH); distance *= 2) {
                    lo = T(add)(lo, T(flip)(lo, distance));
                    T(add_exactly)(&hi, &lo, T(flip)(hi, distance));
                }
            T(give)(b, ROW_SUMS + s, c, T(select)(T(eq)(lo, lo), T(add)(hi, lo), hi));
        }
}

/* Lay rows out for the lanes: element j of the rows of a run goes to vector j of their column. */
static void T(pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                    ptrdiff_t end, ptrdiff_t column_step)
{
    const T(t) *x = from;
    T(t) *packed = to;
    if (runs->whole) {
        for (ptrdiff_t j = begin; j < end; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                T(store)(packed + r * column_step + (j - begin) * T(WIDTH),
                         T(load)(x + runs->run[r].offset + j * runs->stride));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        T(t) *at = packed + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        const T(t) *source = x + run->offset + begin * runs->stride;
        if (runs->single)
            for (ptrdiff_t j = 0; j < end - begin; j++)
                at[j * T(WIDTH)] = source[j];
        else
            for (ptrdiff_t j = begin; j < end; j++, at += T(WIDTH), source += runs->stride)
                for (ptrdiff_t k = 0; k < run->length; k++)
                    at[k] = source[k];
    }
}

static void T(unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                      ptrdiff_t end, ptrdiff_t column_step)
{
    const T(t) *packed = from;
    T(t) *y = to;
    if (runs->whole) {
        for (ptrdiff_t j = begin; j < end; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                T(store)(y + runs->run[r].offset + j * runs->stride,
                         T(load)(packed + r * column_step + (j - begin) * T(WIDTH)));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        const T(t) *at = packed + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        T(t) *target = y + run->offset + begin * runs->stride;
        if (runs->single)
            for (ptrdiff_t j = 0; j < end - begin; j++)
                target[j] = at[j * T(WIDTH)];
        else
            for (ptrdiff_t j = begin; j < end; j++, at += T(WIDTH), target += runs->stride)
                for (ptrdiff_t k = 0; k < run->length; k++)
                    target[k] = at[k];
    }
}

static const fastact_row_lanes T(row_lanes) = {
    T(WIDTH), sizeof(T(t)), sizeof(T(statistic)), T(clear), T(merge), T(give_max), T(give_sums),
    T(pack), T(unpack)};
