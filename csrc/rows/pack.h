/* Rows to columns of vectors and back, for the element type whose prefix T() adds: element j of a row goes to vector j
   of its column. */

/* WIDTH rows of WIDTH elements: element j of row k becomes element k of row j. */
LANE void T(transpose)(T(v) *rows)
{
#pragma GCC unroll 4
    for (int distance = T(WIDTH) / 2; distance > 0; distance /= 2)
        for (int k = 0; k < T(WIDTH); k++) {
            if (k & distance)
                continue;
            const T(m) lacks = T(load_mask)(fastact_lacks[distance]);
            const T(v) a = rows[k], b = rows[k + distance];
            rows[k] = T(select)(lacks, a, T(flip)(b, distance));
            rows[k + distance] = T(select)(lacks, T(flip)(a, distance), b);
        }
}

/* `count` elements of each of WIDTH contiguous rows. */
static void T(pack_rows)(const T(t) *x, ptrdiff_t axis, ptrdiff_t count, T(t) *to)
{
    for (ptrdiff_t j = 0; j < count; j += T(WIDTH)) {
        const ptrdiff_t n = count - j < T(WIDTH) ? count - j : T(WIDTH);
        T(v) rows[T(WIDTH)];
        for (int k = 0; k < T(WIDTH); k++)
            rows[k] = T(load_some)(x + k * axis + j, n);
        T(transpose)(rows);
        for (int k = 0; k < n; k++)
            T(store)(to + (j + k) * T(WIDTH), rows[k]);
    }
}

static void T(unpack_rows)(const T(t) *from, ptrdiff_t count, ptrdiff_t axis, T(t) *y)
{
    for (ptrdiff_t j = 0; j < count; j += T(WIDTH)) {
        const ptrdiff_t n = count - j < T(WIDTH) ? count - j : T(WIDTH);
        T(v) rows[T(WIDTH)];
        for (int k = 0; k < T(WIDTH); k++)
            rows[k] = T(load)(from + (j + (k < n ? k : 0)) * T(WIDTH));
        T(transpose)(rows);
        for (int k = 0; k < T(WIDTH); k++)
            T(store_some)(y + k * axis + j, n, rows[k]);
    }
}

/* `count` elements of each row of one run. */
static void T(pack_run)(const T(t) *x, ptrdiff_t stride, ptrdiff_t length, ptrdiff_t count, T(t) *at)
{
    if (length == 1)
        for (ptrdiff_t j = 0; j < count; j++)
            at[j * T(WIDTH)] = x[j * stride];
    else
        for (ptrdiff_t j = 0; j < count; j++)
            T(store_some)(at + j * T(WIDTH), length, T(load_some)(x + j * stride, length));
}

static void T(unpack_run)(const T(t) *at, ptrdiff_t stride, ptrdiff_t length, ptrdiff_t count, T(t) *y)
{
    if (length == 1)
        for (ptrdiff_t j = 0; j < count; j++)
            y[j * stride] = at[j * T(WIDTH)];
    else
        for (ptrdiff_t j = 0; j < count; j++)
            T(store_some)(y + j * stride, length, T(load_part)(at + j * T(WIDTH), length));
}

/* The length from which contiguous rows are transposed in vectors and not copied element by element. */
enum { T(TRANSPOSE_FROM) = T(WIDTH) / 2 };

LANE int T(transposes)(const fastact_runs *runs, ptrdiff_t r)
{
    return runs->stride == 1 && runs->axis >= T(TRANSPOSE_FROM) && r % T(WIDTH) == 0
           && runs->count - r >= T(WIDTH);
}

static void T(pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                    ptrdiff_t end, ptrdiff_t column_step)
{
    const T(t) *x = (const T(t) *)from + begin * runs->stride;
    if (runs->full) {
        for (ptrdiff_t j = 0; j < end - begin; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                T(store)((T(t) *)to + r * column_step + j * T(WIDTH),
                         T(load)(x + runs->run[r].offset + j * runs->stride));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        T(t) *at = (T(t) *)to + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        if (T(transposes)(runs, r)) {
            T(pack_rows)(x + run->offset, runs->axis, end - begin, at);
            r += T(WIDTH) - 1;
        } else {
            const ptrdiff_t partial = end - 1 == runs->short_step, count = end - begin - partial;
            T(pack_run)(x + run->offset, runs->stride, run->length, count, at);
            T(pack_run)(x + run->offset + count * runs->stride, 0, runs->short_length, partial,
                        at + count * T(WIDTH));
        }
    }
}

static void T(unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                      ptrdiff_t end, ptrdiff_t column_step)
{
    T(t) *y = (T(t) *)to + begin * runs->stride;
    if (runs->full) {
        for (ptrdiff_t j = 0; j < end - begin; j++)
            for (ptrdiff_t r = 0; r < runs->count; r++)
                T(store)(y + runs->run[r].offset + j * runs->stride,
                         T(load)((const T(t) *)from + r * column_step + j * T(WIDTH)));
        return;
    }
    for (ptrdiff_t r = 0; r < runs->count; r++) {
        const fastact_run_of_rows *run = &runs->run[r];
        const T(t) *at = (const T(t) *)from + run->row / T(WIDTH) * column_step + run->row % T(WIDTH);
        if (T(transposes)(runs, r)) {
            T(unpack_rows)(at, end - begin, runs->axis, y + run->offset);
            r += T(WIDTH) - 1;
        } else {
            const ptrdiff_t partial = end - 1 == runs->short_step, count = end - begin - partial;
            T(unpack_run)(at, runs->stride, run->length, count, y + run->offset);
            T(unpack_run)(at + count * T(WIDTH), 0, runs->short_length, partial,
                          y + run->offset + count * runs->stride);
        }
    }
}

static const fastact_row_type T(row_type) = {
    T(WIDTH), sizeof(T(t)), sizeof(T(accumulator)), T(clear), T(merge), T(reduce_max), T(reduce_sums),
    T(pack), T(unpack)};
