/* The loops over a block column by column, for the element type whose prefix T() adds.

   A loop is inlined into a function for each kernel, whose pieces it calls. Full vectors of unmasked rows are computed
   in groups of four; the others by a loop that tests each lane but adds up in the same groups, so that sums depend
   neither on the mask nor on where a row ends. */

LANE void T(max_loop)(T(piece) key, fastact_row_shape shape, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    const ptrdiff_t full = T(full_steps)(b, T(GROUP));
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        const T(t) *in = (const T(t) *)b->in[0] + c * b->in_step;
        T(accumulator) *acc = (T(accumulator) *)b->accumulators + c;
        T(v) max[T(GROUP)], x, k;
        for (int j = 0; j < T(GROUP); j++)
            max[j] = b->fresh ? T(set)(-INFINITY) : acc->max;
        ptrdiff_t i = 0;
        for (; i < full; i += T(GROUP))
#pragma GCC unroll 4
            for (int j = 0; j < T(GROUP); j++) {
                x = T(load)(in + (i + j) * T(WIDTH));
                key(&x, NULL, given.p, given.p_lo, &k);
                max[j] = T(max)(k, max[j]);
            }
        for (; i < b->steps; i++) {
            const ptrdiff_t n = T(lanes_at)(b, i);
            x = T(load_some)(in + i * T(WIDTH), n);
            key(&x, NULL, given.p, given.p_lo, &k);
            k = T(select)(T(included)(T(mask_at)(b, c, i), n), k, T(set)(-INFINITY));
            max[0] = T(max)(k, max[0]);
        }
        acc->max = T(max)(T(max)(max[0], max[1]), T(max)(max[2], max[3]));
    }
}

LANE int T(ends_block)(const fastact_block *b, ptrdiff_t i)
{
    return (i + T(GROUP)) % T(BLOCK) == 0 || i + T(GROUP) >= b->steps;
}

LANE void T(sum_column)(T(piece) terms, fastact_row_shape shape, const T(parameters) *given,
                        const fastact_block *b, ptrdiff_t c, const T(v) *row, T(accumulator) *sums)
{
    const ptrdiff_t full = T(full_steps)(b, T(GROUP));
    const T(t) *first = (const T(t) *)b->in[0] + c * b->in_step;
    const T(t) *second = shape.n_in > 1 ? (const T(t) *)b->in[1] + c * b->in_step : first;
    T(t) *stored = b->terms == NULL ? NULL : (T(t) *)b->terms + c * b->terms_step;
    T(v) in[2], t[T(GROUP)][FASTACT_MAX_SUMS];
    ptrdiff_t i = 0;
    for (; i < full; i += T(GROUP)) {
#pragma GCC unroll 4
        for (int j = 0; j < T(GROUP); j++) {
            in[0] = T(load)(first + (i + j) * T(WIDTH));
            if (shape.n_in > 1)
                in[1] = T(load)(second + (i + j) * T(WIDTH));
            terms(in, row, given->p, given->p_lo, t[j]);
            if (stored != NULL)
                T(store)(stored + (i + j) * T(WIDTH), t[j][0]);
        }
        T(add_group)(sums, shape, t, T(ends_block)(b, i));
    }
    for (; i < b->steps; i += T(GROUP)) {
        T(v) one[FASTACT_MAX_SUMS];
        for (int j = 0; j < T(GROUP); j++)
            for (int s = 0; s < shape.n_sums; s++)
                t[j][s] = T(set)(0);
        for (int j = 0; j < T(GROUP) && i + j < b->steps; j++) {
            const ptrdiff_t n = T(lanes_at)(b, i + j), at = (i + j) * T(WIDTH);
            const T(m) included = T(included)(T(mask_at)(b, c, i + j), n);
            in[0] = T(load_some)(first + at, n);
            if (shape.n_in > 1)
                in[1] = T(load_some)(second + at, n);
            terms(in, row, given->p, given->p_lo, one);
            for (int s = 0; s < shape.n_sums; s++)
                t[j][s] = T(select)(included, one[s], T(set)(0));
            if (stored != NULL)
                T(store_some)(stored + at, n, one[0]);
        }
        T(add_group)(sums, shape, t, T(ends_block)(b, i));
    }
}

LANE void T(sum_loop)(T(piece) terms, fastact_row_shape shape, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local; /* a copy: no vector store can alias it */
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(accumulator) *acc = (T(accumulator) *)b->accumulators + c, sums = *acc;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        if (b->fresh)
            T(clear_sums)(&sums);
        T(sum_column)(terms, shape, &given, b, c, row, &sums);
        for (int s = 0; s < shape.n_sums; s++) {
            acc->hi[s] = sums.hi[s];
            acc->lo[s] = sums.lo[s];
            acc->part[s] = sums.part[s];
        }
        acc->reference = row[ROW_MAX];
    }
}

/* `from`: the first input, or the stored terms. */
LANE void T(map_column)(T(piece) map, fastact_row_shape shape, const T(parameters) *given,
                        const void *from, ptrdiff_t from_step, const fastact_block *b, ptrdiff_t c,
                        const T(v) *row)
{
    const ptrdiff_t full = T(full_steps)(b, 1);
    const T(t) *first = (const T(t) *)from + c * from_step;
    const T(t) *second = shape.n_in > 1 ? (const T(t) *)b->in[1] + c * b->in_step : first;
    T(t) *out = (T(t) *)b->out + c * b->out_step;
    T(v) in[2], y;
    ptrdiff_t i = 0;
    for (; i < full; i++) {
        in[0] = T(load)(first + i * T(WIDTH));
        if (shape.n_in > 1)
            in[1] = T(load)(second + i * T(WIDTH));
        map(in, row, given->p, given->p_lo, &y);
        T(store)(out + i * T(WIDTH), y);
    }
    for (; i < b->steps; i++) {
        const ptrdiff_t n = T(lanes_at)(b, i), at = i * T(WIDTH);
        in[0] = T(load_some)(first + at, n);
        if (shape.n_in > 1)
            in[1] = T(load_some)(second + at, n);
        map(in, row, given->p, given->p_lo, &y);
        y = T(select)(T(included)(T(mask_at)(b, c, i), n), y, T(set)((T(t))shape.excluded));
        T(store_some)(out + at, n, y);
    }
}

LANE void T(map_loop)(T(piece) map, fastact_row_shape shape, const void *from, ptrdiff_t from_step,
                      const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        T(map_column)(map, shape, &given, from, from_step, b, c, row);
    }
}

/* The sum of all lanes, in each of them. Where hi has overflowed, lo is NaN and is ignored. */
LANE T(v) T(sum_lanes)(T(v) hi, T(v) lo)
{
    T(v) sum = T(select)(T(eq)(lo, lo), T(add)(hi, lo), hi);
#pragma GCC unroll 4
    for (int distance = T(WIDTH) / 2; distance > 0; distance /= 2)
        sum = T(add)(sum, T(flip)(sum, distance));
    return sum;
}

/* Sum, finish and map of one row after the other: the next row is read while this one is written. The same by tiles
   took 1.3 times as long (vjp of softmax, 8192 x 128 and 256 x 4096 float32). */
LANE void T(fused_loop)(T(piece) terms, T(piece) finish, T(piece) map, fastact_row_shape shape,
                        const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(accumulator) sums;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        T(clear_sums)(&sums);
        T(sum_column)(terms, shape, &given, b, c, row, &sums);
        for (int s = 0; s < shape.n_sums; s++)
            row[ROW_SUMS + s] = T(sum_lanes)(sums.hi[s], sums.lo[s]);
        finish(NULL, row, given.p, given.p_lo, row + ROW_DERIVED);
        T(map_column)(map, shape, &given, b->in[0], b->in_step, b, c, row);
    }
}
