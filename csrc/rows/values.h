/* Loops over values of rows, for the element type whose prefix T() adds. Included by rows.h. */

/* Values of rows computed from others: a vector is one value of as many rows. */
LANE void T(load_values)(const fastact_block *b, ptrdiff_t at, T(v) *row)
{
#pragma GCC unroll 16
    for (int k = 0; k < ROW_SLOTS; k++)
        row[k] = T(load)(T(values)(b, k) + at);
}

LANE void T(finish_loop)(T(piece) finish, T(piece) rows, int n_derived, int n_row_out, int n_params,
                         const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], out[ROW_SLOTS];
        T(load_values)(b, at, row);
        finish(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < n_derived; k++)
            T(store)(T(values)(b, ROW_DERIVED + k) + at, out[k]);
        rows(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < n_row_out; k++)
            T(store)(T(values)(b, ROW_SLOTS + k) + at, out[k]);
    }
}

/* What terms need of the maximum stands in the first of the derived values. */
LANE void T(prepare_loop)(T(piece) prepare, int n_derived, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], out[ROW_SLOTS];
        T(load_values)(b, at, row);
        prepare(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < n_derived; k++)
            T(store)(T(values)(b, ROW_DERIVED + k) + at, out[k]);
    }
}

LANE void T(start_loop)(T(piece) start, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], value;
        T(load_values)(b, at, row);
        start(NULL, row, given.p, given.p_lo, &value);
        T(store)(T(values)(b, ROW_VALUE) + at, value);
    }
}

/* Returns whether the value of any row has grown. A NaN is taken over, and is final. When all have stopped
   to grow they settle on what comes next: the first steps are long, and round beyond the solution by as much
   as 17 ulp (sparsemax of 17 equal float32). */
LANE int T(next_loop)(T(piece) next, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    int grown = 0;
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], value;
        T(t) higher[T(WIDTH)];
        T(load_values)(b, at, row);
        next(NULL, row, given.p, given.p_lo, &value);
        T(store)(higher, T(select)(T(lt)(row[ROW_VALUE], value), T(set)(1), T(set)(0)));
        if (b->settle)
            value = T(select)(T(eq)(T(sub)(value, value), T(set)(0)), value, row[ROW_VALUE]);
        else
            value = T(select)(T(le)(value, row[ROW_VALUE]), row[ROW_VALUE], value);
        T(store)(T(values)(b, ROW_VALUE) + at, value);
        for (ptrdiff_t k = 0; k < T(WIDTH) && at + k < b->rows; k++)
            grown |= higher[k] != 0;
    }
    return grown;
}

/* What is known becomes relative to the maximum in the row values. */
LANE void T(move_loop)(T(piece) moved, int n_sums, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(statistic) *known = (T(statistic) *)b->known + c;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        for (int s = 0; s < n_sums; s++)
            row[ROW_SUMS + s] = known->hi[s];
        moved(&known->at, row, given.p, given.p_lo, known->hi);
        for (int s = 0; s < n_sums; s++)
            row[ROW_SUMS + s] = known->lo[s];
        moved(&known->at, row, given.p, given.p_lo, known->lo);
        known->at = row[ROW_MAX];
    }
}
