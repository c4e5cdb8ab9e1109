/* The loops over blocks that are `across`, for the element type whose prefix T() adds: adjacent rows are adjacent in
   memory, and a vector holds one element of each.

   The inner loop goes over the columns, and so over contiguous memory. Nothing is masked, and every vector is full. */

/* The prefetch distance in steps: contiguous memory is too short for the hardware prefetcher (vjp of softmax,
   128 x 8192: 4 to 6 % longer without). */
enum { T(AHEAD) = 8 };

LANE const T(t) *T(input)(const fastact_block *b, int k, ptrdiff_t i)
{
    return (const T(t) *)b->in[k] + i * b->stride;
}

LANE void T(max_across)(T(piece) key, fastact_row_shape shape, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    T(accumulator) *acc = b->accumulators;
    for (ptrdiff_t c = 0; c < b->columns && b->fresh; c++)
        acc[c].max = T(set)(-INFINITY);
    for (ptrdiff_t i = 0; i < b->steps; i++) {
        const T(t) *in = T(input)(b, 0, i), *ahead = T(input)(b, 0, i + T(AHEAD));
        for (ptrdiff_t c = 0; c < b->columns; c++) {
            const T(v) x = T(load)(in + c * T(WIDTH));
            T(v) k;
            __builtin_prefetch(ahead + c * T(WIDTH), 0, 2);
            key(&x, NULL, given.p, given.p_lo, &k);
            acc[c].max = T(max)(k, acc[c].max);
        }
    }
}

/* n <= GROUP steps of a column. */
LANE void T(sum_group_across)(T(piece) terms, fastact_row_shape shape, const T(parameters) *given,
                              const fastact_block *b, ptrdiff_t i, ptrdiff_t c, ptrdiff_t n)
{
    T(v) row[ROW_SLOTS], in[2], t[T(GROUP)][FASTACT_MAX_SUMS];
    T(load_values)(b, c * T(WIDTH), row);
#pragma GCC unroll 4
    for (int j = 0; j < T(GROUP); j++) {
        if (j >= n) {
            for (int s = 0; s < shape.n_sums; s++)
                t[j][s] = T(set)(0);
            continue;
        }
#pragma GCC unroll 2
        for (int k = 0; k < shape.n_in; k++) {
            in[k] = T(load)(T(input)(b, k, i + j) + c * T(WIDTH));
            __builtin_prefetch(T(input)(b, k, i + j + T(AHEAD)) + c * T(WIDTH), 0, 2);
        }
        terms(in, row, given->p, given->p_lo, t[j]);
        if (b->terms != NULL)
            T(store)((T(t) *)b->terms + (i + j) * b->stride + c * T(WIDTH), t[j][0]);
    }
    T(add_group)((T(accumulator) *)b->accumulators + c, shape, t, T(ends_block)(b, i));
}

LANE void T(sum_across)(T(piece) terms, fastact_row_shape shape, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    T(accumulator) *acc = b->accumulators;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        acc[c].reference = T(load)(T(values)(b, ROW_MAX) + c * T(WIDTH));
        if (b->fresh)
            T(clear_sums)(&acc[c]);
    }
    ptrdiff_t i = 0;
    for (; i + T(GROUP) <= b->steps; i += T(GROUP))
        for (ptrdiff_t c = 0; c < b->columns; c++)
            T(sum_group_across)(terms, shape, &given, b, i, c, T(GROUP));
    for (ptrdiff_t c = 0; c < b->columns && i < b->steps; c++)
        T(sum_group_across)(terms, shape, &given, b, i, c, b->steps - i);
}

LANE void T(map_across)(T(piece) map, fastact_row_shape shape, const void *from,
                        const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, shape.n_params);
    for (ptrdiff_t i = 0; i < b->steps; i++) {
        const T(t) *first = (const T(t) *)from + i * b->stride;
        const T(t) *second = shape.n_in > 1 ? T(input)(b, 1, i) : first;
        T(t) *out = (T(t) *)b->out + i * b->stride;
        for (ptrdiff_t c = 0; c < b->columns; c++) {
            T(v) row[ROW_SLOTS], in[2], y;
            T(load_values)(b, c * T(WIDTH), row);
            in[0] = T(load)(first + c * T(WIDTH));
            __builtin_prefetch(first + T(AHEAD) * b->stride + c * T(WIDTH), 0, 2);
            if (shape.n_in > 1) {
                in[1] = T(load)(second + c * T(WIDTH));
                __builtin_prefetch(second + T(AHEAD) * b->stride + c * T(WIDTH), 0, 2);
            }
            map(in, row, given.p, given.p_lo, &y);
            T(store)(out + c * T(WIDTH), y);
        }
    }
}
