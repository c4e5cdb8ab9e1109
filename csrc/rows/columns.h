/* The loops over a block column by column, for elements of the type whose prefix E() adds, which are computed as T().

   A loop is inlined into a function for each kernel, whose pieces it calls. Full vectors of unmasked rows are computed
   in groups of four; the others by a loop that tests each lane but adds up in the same groups, so that sums depend
   neither on the mask nor on where a row ends. */

LANE void E(max_loop)(T(piece) key, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    const ptrdiff_t full = T(full_steps)(b, T(GROUP));
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        const E(t) *in = (const E(t) *)b->in[0] + c * b->in_step;
        T(accumulator) *acc = (T(accumulator) *)b->accumulators + c;
        const T(v) before = b->fresh ? T(set)(-INFINITY) : acc->max;
        /* Not by a loop, which went through memory: a quarter of softmax's time on rows of 128 float32. */
        T(v) max[T(GROUP)] = {before, before, before, before}, x, k;
        ptrdiff_t i = 0;
        for (; i < full; i += T(GROUP))
#pragma GCC unroll 4
            for (int j = 0; j < T(GROUP); j++) {
                x = E(load)(in + (i + j) * T(WIDTH));
                key(&x, NULL, given.p, given.p_lo, &k);
                max[j] = T(max)(k, max[j]);
            }
        for (; i < b->steps; i++) {
            const ptrdiff_t n = T(lanes_at)(b, i);
            x = E(load_some)(in + i * T(WIDTH), n);
            key(&x, NULL, given.p, given.p_lo, &k);
            k = T(select)(T(included)(T(mask_at)(b, c, i), n), k, T(set)(-INFINITY));
            max[0] = T(max)(k, max[0]);
        }
        acc->max = T(max)(T(max)(max[0], max[1]), T(max)(max[2], max[3]));
    }
}

LANE void E(sum_column)(T(piece) terms, int n_in, int n_sums, int counted,
                        const T(parameters) *given, const fastact_block *b, ptrdiff_t c,
                        const T(v) *row, T(accumulator) *sums)
{
    const ptrdiff_t full = T(full_steps)(b, T(GROUP));
    const E(t) *first = (const E(t) *)b->in[0] + c * b->in_step;
    const E(t) *second = n_in > 1 ? (const E(t) *)b->in[1] + c * b->in_step : first;
    T(t) *stored = b->terms == NULL ? NULL : (T(t) *)b->terms + c * b->terms_step;
    T(v) in[2], t[T(GROUP)][FASTACT_MAX_SUMS];
    ptrdiff_t i = 0;
    for (; i < full; i += T(GROUP)) {
#pragma GCC unroll 4
        for (int j = 0; j < T(GROUP); j++) {
            in[0] = E(load)(first + (i + j) * T(WIDTH));
            if (n_in > 1)
                in[1] = E(load)(second + (i + j) * T(WIDTH));
            terms(in, row, given->p, given->p_lo, t[j]);
            if (stored != NULL)
                T(store)(stored + (i + j) * T(WIDTH), t[j][0]);
        }
        T(add_group)(sums, n_sums, counted, t, counted || T(ends_block)(b, i));
    }
    for (; i < b->steps; i += T(GROUP)) {
        T(v) one[FASTACT_MAX_SUMS];
        for (int j = 0; j < T(GROUP); j++)
            for (int s = 0; s < n_sums; s++)
                t[j][s] = T(set)(0);
        for (int j = 0; j < T(GROUP) && i + j < b->steps; j++) {
            const ptrdiff_t n = T(lanes_at)(b, i + j), at = (i + j) * T(WIDTH);
            const T(m) included = T(included)(T(mask_at)(b, c, i + j), n);
            in[0] = E(load_some)(first + at, n);
            if (n_in > 1)
                in[1] = E(load_some)(second + at, n);
            terms(in, row, given->p, given->p_lo, one);
            for (int s = 0; s < n_sums; s++)
                t[j][s] = T(select)(included, one[s], T(set)(0));
            if (stored != NULL)
                T(store_some)(stored + at, n, one[0]);
        }
        T(add_group)(sums, n_sums, counted, t, counted || T(ends_block)(b, i));
    }
}

LANE void E(sum_loop)(T(piece) terms, int n_in, int n_sums, int counted, int n_params,
                      const fastact_block *block)
{
    const fastact_block local = *block, *b = &local; /* a copy: no vector store can alias it */
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(accumulator) *acc = (T(accumulator) *)b->accumulators + c, sums;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        /* Each sum by itself: a copy of the whole accumulator goes through memory. */
        for (int s = 0; s < n_sums; s++) {
            sums.hi[s] = b->fresh ? T(set)(0) : acc->hi[s];
            sums.lo[s] = b->fresh ? T(set)(0) : acc->lo[s];
            sums.part[s] = b->fresh ? T(set)(0) : acc->part[s];
        }
        E(sum_column)(terms, n_in, n_sums, counted, &given, b, c, row, &sums);
        for (int s = 0; s < n_sums; s++) {
            acc->hi[s] = sums.hi[s];
            acc->lo[s] = sums.lo[s];
            acc->part[s] = sums.part[s];
        }
        acc->reference = row[ROW_MAX];
    }
}

/* `from`: the first input, or the terms, which are `stored` as they are computed. */
LANE void E(map_column)(T(piece) map, int n_in, const T(parameters) *given, double excluded,
                        const void *from, ptrdiff_t from_step, int stored, const fastact_block *b,
                        ptrdiff_t c, const T(v) *row)
{
    const ptrdiff_t full = T(full_steps)(b, 1);
    const E(t) *first = (const E(t) *)from + c * from_step;
    const E(t) *second = n_in > 1 ? (const E(t) *)b->in[1] + c * b->in_step : first;
    const T(t) *term = (const T(t) *)from + c * from_step;
    E(t) *out = (E(t) *)b->out + c * b->out_step;
    T(v) in[2], y;
    ptrdiff_t i = 0;
    for (; i < full; i++) {
        in[0] = stored ? T(load)(term + i * T(WIDTH)) : E(load)(first + i * T(WIDTH));
        if (n_in > 1)
            in[1] = E(load)(second + i * T(WIDTH));
        map(in, row, given->p, given->p_lo, &y);
        E(store)(out + i * T(WIDTH), y);
    }
    for (; i < b->steps; i++) {
        const ptrdiff_t n = T(lanes_at)(b, i), at = i * T(WIDTH);
        in[0] = stored ? T(load_some)(term + at, n) : E(load_some)(first + at, n);
        if (n_in > 1)
            in[1] = E(load_some)(second + at, n);
        map(in, row, given->p, given->p_lo, &y);
        y = T(select)(T(included)(T(mask_at)(b, c, i), n), y, T(set)((T(t))excluded));
        E(store_some)(out + at, n, y);
    }
}

LANE void E(map_loop)(T(piece) map, int n_in, int n_params, double excluded, int stored,
                      const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        if (stored)
            E(map_column)(map, 1, &given, excluded, b->terms, b->terms_step, 1, b, c, row);
        else
            E(map_column)(map, n_in, &given, excluded, b->in[0], b->in_step, 0, b, c, row);
    }
}

/* Sum, finish and map of one row after the other: the next row is read while this one is written. The same by tiles
   took 1.3 times as long (vjp of softmax, 8192 x 128 and 256 x 4096 float32). */
LANE void E(fused_loop)(T(piece) terms, T(piece) finish, T(piece) map, int n_in, int n_sums,
                        int n_params, double excluded, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(accumulator) sums;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        T(clear_sums)(&sums);
        E(sum_column)(terms, n_in, n_sums, 0, &given, b, c, row, &sums);
        for (int s = 0; s < n_sums; s++)
            row[ROW_SUMS + s] = T(sum_lanes)(sums.hi[s], sums.lo[s]);
        finish(NULL, row, given.p, given.p_lo, row + ROW_DERIVED);
        E(map_column)(map, n_in, &given, excluded, b->in[0], b->in_step, 0, b, c, row);
    }
}
