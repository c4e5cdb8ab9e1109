/* Rows to columns of vectors and back, for elements of the type whose prefix E() adds, which become T() in the columns:
   element j of a row goes to vector j of its column. */

/* `count` elements of each of WIDTH contiguous rows. */
static void E(pack_rows)(const E(t) *x, ptrdiff_t axis, ptrdiff_t count, T(t) *to)
{
    for (ptrdiff_t j = 0; j < count; j += T(WIDTH)) {
        const ptrdiff_t n = count - j < T(WIDTH) ? count - j : T(WIDTH);
        T(v) rows[T(WIDTH)];
        for (int k = 0; k < T(WIDTH); k++)
            rows[k] = E(load_some)(x + k * axis + j, n);
        T(transpose)(rows);
        for (int k = 0; k < n; k++)
            T(store)(to + (j + k) * T(WIDTH), rows[k]);
    }
}

static void E(unpack_rows)(const T(t) *from, ptrdiff_t count, ptrdiff_t axis, E(t) *y)
{
    for (ptrdiff_t j = 0; j < count; j += T(WIDTH)) {
        const ptrdiff_t n = count - j < T(WIDTH) ? count - j : T(WIDTH);
        T(v) rows[T(WIDTH)];
        for (int k = 0; k < T(WIDTH); k++)
            rows[k] = T(load)(from + (j + (k < n ? k : 0)) * T(WIDTH));
        T(transpose)(rows);
        for (int k = 0; k < T(WIDTH); k++)
            E(store_some)(y + k * axis + j, n, rows[k]);
    }
}

/* `count` elements of each row of one run. */
static void E(pack_run)(const E(t) *x, ptrdiff_t stride, ptrdiff_t length, ptrdiff_t count, T(t) *at)
{
    if (length == 1)
        for (ptrdiff_t j = 0; j < count; j++)
            at[j * T(WIDTH)] = E(load_one)(x + j * stride);
    else
        for (ptrdiff_t j = 0; j < count; j++)
            T(store_some)(at + j * T(WIDTH), length, E(load_some)(x + j * stride, length));
}

static void E(unpack_run)(const T(t) *at, ptrdiff_t stride, ptrdiff_t length, ptrdiff_t count, E(t) *y)
{
    if (length == 1)
        for (ptrdiff_t j = 0; j < count; j++)
            E(store_one)(y + j * stride, at[j * T(WIDTH)]);
    else
        for (ptrdiff_t j = 0; j < count; j++)
            E(store_some)(y + j * stride, length, T(load_some)(at + j * T(WIDTH), length));
}

/* The length from which contiguous rows are transposed in vectors and not copied element by element. */
enum { E(TRANSPOSE_FROM) = T(WIDTH) / 2 };

LANE int E(transposes)(const fastact_runs *runs, ptrdiff_t r)
{
    return runs->stride == 1 && runs->axis >= E(TRANSPOSE_FROM) && r % T(WIDTH) == 0
           && runs->count - r >= T(WIDTH);
}

static void E(pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                    ptrdiff_t end, ptrdiff_t column_step)
{
    const E(t) *x = (const E(t) *)from + begin * runs->stride;
    if (runs->full) {
        for (ptrdiff_t j = 0; j < end - begin; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                T(store)((T(t) *)to + r * column_step + j * T(WIDTH),
                         E(load)(x + runs->run[r].offset + j * runs->stride));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        T(t) *at = (T(t) *)to + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        if (E(transposes)(runs, r)) {
            E(pack_rows)(x + run->offset, runs->axis, end - begin, at);
            r += T(WIDTH) - 1;
        } else {
            const ptrdiff_t partial = end - 1 == runs->short_step, count = end - begin - partial;
            E(pack_run)(x + run->offset, runs->stride, run->length, count, at);
            E(pack_run)(x + run->offset + count * runs->stride, 0, runs->short_length, partial,
                        at + count * T(WIDTH));
        }
    }
}

static void E(unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                      ptrdiff_t end, ptrdiff_t column_step)
{
    E(t) *y = (E(t) *)to + begin * runs->stride;
    if (runs->full) {
        for (ptrdiff_t j = 0; j < end - begin; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                E(store)(y + runs->run[r].offset + j * runs->stride,
                         T(load)((const T(t) *)from + r * column_step + j * T(WIDTH)));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        const T(t) *at = (const T(t) *)from + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        if (E(transposes)(runs, r)) {
            E(unpack_rows)(at, end - begin, runs->axis, y + run->offset);
            r += T(WIDTH) - 1;
        } else {
            const ptrdiff_t partial = end - 1 == runs->short_step, count = end - begin - partial;
            E(unpack_run)(at, runs->stride, run->length, count, y + run->offset);
            E(unpack_run)(at + count * T(WIDTH), 0, runs->short_length, partial,
                          y + run->offset + count * runs->stride);
        }
    }
}

static const fastact_row_type E(row_type) = {
    T(WIDTH), sizeof(T(t)), sizeof(E(t)), sizeof(T(accumulator)), T(clear), T(merge), T(reduce_max), T(reduce_sums),
    E(pack), E(unpack)};
