/* The loops over the values of rows, for the element type whose prefix T() adds: each lane is one row. */

LANE void T(load_values)(const fastact_block *b, ptrdiff_t at, T(v) *row)
{
#pragma GCC unroll 16
    for (int k = 0; k < ROW_SLOTS; k++)
        row[k] = T(load)(T(values)(b, k) + at);
}

LANE void T(finish_loop)(T(piece) finish, T(piece) rows, fastact_row_shape shape,
                         const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], out[ROW_SLOTS];
        T(load_values)(b, at, row);
        finish(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < shape.n_derived; k++)
            T(store)(T(values)(b, ROW_DERIVED + k) + at, out[k]);
        rows(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < shape.n_row_out; k++)
            T(store)(T(values)(b, ROW_SLOTS + k) + at, out[k]);
    }
}

/* What the terms need from the maximum, stored as the first derived values. */
LANE void T(prepare_loop)(T(piece) prepare, fastact_row_shape shape, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], out[ROW_SLOTS];
        T(load_values)(b, at, row);
        prepare(NULL, row, given.p, given.p_lo, out);
        for (int k = 0; k < shape.n_derived; k++)
            T(store)(T(values)(b, ROW_DERIVED + k) + at, out[k]);
    }
}

LANE void T(start_loop)(T(piece) start, fastact_row_shape shape, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], value;
        T(load_values)(b, at, row);
        start(NULL, row, given.p, given.p_lo, &value);
        T(store)(T(values)(b, ROW_VALUE) + at, value);
    }
}

/* One iteration of a solution. Returns whether the value of any row has increased; a NaN is stored, and stays. Once no
   value increases any more, the last iteration may decrease it: the first steps are long, and rounding takes them as
   much as 17 ulp past the solution (sparsemax of 17 equal float32). */
LANE int T(next_loop)(T(piece) next, fastact_row_shape shape, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    int increased = 0;
    for (ptrdiff_t at = 0; at < b->rows; at += T(WIDTH)) {
        T(v) row[ROW_SLOTS], value;
        T(t) higher[T(WIDTH)];
        T(load_values)(b, at, row);
        next(NULL, row, given.p, given.p_lo, &value);
        T(store)(higher, T(select)(T(lt)(row[ROW_VALUE], value), T(set)(1), T(set)(0)));
        if (b->last_iteration)
            value = T(select)(T(eq)(T(sub)(value, value), T(set)(0)), value, row[ROW_VALUE]);
        else
            value = T(select)(T(le)(value, row[ROW_VALUE]), row[ROW_VALUE], value);
        T(store)(T(values)(b, ROW_VALUE) + at, value);
        for (ptrdiff_t k = 0; k < T(WIDTH) && at + k < b->rows; k++)
            increased |= higher[k] != 0;
    }
    return increased;
}

/* The sums become relative to the maximum in the row values. */
LANE void T(rescale_loop)(T(piece) moved, fastact_row_shape shape, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(accumulator) *acc = (T(accumulator) *)b->accumulators + c;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        for (int s = 0; s < shape.n_sums; s++)
            row[ROW_SUMS + s] = acc->hi[s];
        moved(&acc->reference, row, given.p, given.p_lo, acc->hi);
        for (int s = 0; s < shape.n_sums; s++)
            row[ROW_SUMS + s] = acc->lo[s];
        moved(&acc->reference, row, given.p, given.p_lo, acc->lo);
        acc->reference = row[ROW_MAX];
    }
}
