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

/* Of two columns, what adding up lanes that are `distance` apart needs: the one's result then stands in the
   lanes whose number lacks that bit, the other's in the rest. */
LANE void T(pair)(T(v) a, T(v) b, int distance, T(v) *x, T(v) *y)
{
    const T(m) lacks = T(load_mask)(fastact_lacks[distance]);
    *x = T(select)(lacks, a, b);
    *y = T(flip)(T(select)(lacks, b, a), distance);
}

/* The fold of one level, for the first 2 * distance columns of a group: half as many remain. */
#define FASTACT_FOLD(fold, a, b, distance)                                                         \
    if (T(WIDTH) > distance)                                                                       \
        for (int k = 0; k < distance; k++)                                                         \
            fold(&a[k], &b[k], a[k + distance], b[k + distance], distance);
#define FASTACT_FOLD_ALL(fold, a, b)                                                               \
    FASTACT_FOLD(fold, a, b, 8)                                                                    \
    FASTACT_FOLD(fold, a, b, 4)                                                                    \
    FASTACT_FOLD(fold, a, b, 2)                                                                    \
    FASTACT_FOLD(fold, a, b, 1)

LANE void T(fold_max)(T(v) *best, T(v) *unused, T(v) other, T(v) unused_too, int distance)
{
    T(v) x, y;
    (void)unused, (void)unused_too;
    T(pair)(*best, other, distance, &x, &y);
    *best = T(max)(x, y);
}

LANE void T(fold_sum)(T(v) *hi, T(v) *lo, T(v) other, T(v) other_lo, int distance)
{
    T(v) x, y, x_lo, y_lo;
    T(pair)(*hi, other, distance, &x, &y);
    T(pair)(*lo, other_lo, distance, &x_lo, &y_lo);
    *lo = T(add)(x_lo, y_lo);
    T(add_exactly)(&x, lo, y);
    *hi = x;
}

/* Lanes k, k + fold, k + 2 * fold, ... of a column are one row: what they know, together, in each. */
LANE T(v) T(fold_lanes_max)(T(v) best, int fold)
{
    T(t) lane[T(WIDTH)];
    T(store)(lane, best);
    for (int k = fold; k < T(WIDTH) / fold * fold; k++)
        lane[k % fold] = lane[k] > lane[k % fold] ? lane[k] : lane[k % fold];
    for (int k = fold; k < T(WIDTH); k++)
        lane[k] = lane[k % fold];
    return T(load)(lane);
}

LANE void T(fold_lanes_sum)(T(v) *hi, T(v) *lo, int fold)
{
    T(t) high[T(WIDTH)], rest[T(WIDTH)];
    T(store)(high, *hi);
    T(store)(rest, *lo);
    for (int k = fold; k < T(WIDTH) / fold * fold; k++) {
        const int to = k % fold;
        const T(t) sum = high[to] + high[k], back = sum - high[to];
        rest[to] += rest[k] + ((high[to] - (sum - back)) + (high[k] - back));
        high[to] = sum;
    }
    for (int k = fold; k < T(WIDTH); k++) {
        high[k] = high[k % fold];
        rest[k] = rest[k % fold];
    }
    *hi = T(load)(high);
    *lo = T(load)(rest);
}

/* The maximum becomes a row value; along the row, that of lane k is then that of column k of a group. */
static void T(give_max)(const fastact_block *b)
{
    const T(statistic) *known = b->known;
    const ptrdiff_t step = b->along ? T(WIDTH) : 1;
    for (ptrdiff_t c = 0; c < b->columns; c += step) {
        T(v) best[T(WIDTH)];
        if (b->along) {
            for (int k = 0; k < T(WIDTH); k++)
                best[k] = known[c + k < b->columns ? c + k : c].best;
            FASTACT_FOLD_ALL(T(fold_max), best, best)
        } else {
            best[0] = b->fold ? T(fold_lanes_max)(known[c].best, b->fold) : known[c].best;
        }
        T(store)(T(values)(b, ROW_MAX) + (b->along ? c : c * T(WIDTH)), best[0]);
    }
}

/* The sums likewise. Where hi has overflowed, lo is a NaN that does not count. */
static void T(give_sums)(const fastact_block *b, int n_sums)
{
    const T(statistic) *known = b->known;
    const ptrdiff_t step = b->along ? T(WIDTH) : 1;
    for (ptrdiff_t c = 0; c < b->columns; c += step)
        for (int s = 0; s < n_sums; s++) {
            T(v) hi[T(WIDTH)], lo[T(WIDTH)];
            const ptrdiff_t at = b->along ? c : c * T(WIDTH);
            if (b->along) {
                for (int k = 0; k < T(WIDTH); k++) {
                    const T(statistic) *column = &known[c + k < b->columns ? c + k : c];
                    hi[k] = column->hi[s];
                    lo[k] = column->lo[s];
                }
                FASTACT_FOLD_ALL(T(fold_sum), hi, lo)
            } else {
                hi[0] = known[c].hi[s];
                lo[0] = known[c].lo[s];
                if (b->fold)
                    T(fold_lanes_sum)(&hi[0], &lo[0], b->fold);
            }
            T(store)(T(values)(b, ROW_SUMS + s) + at,
                     T(select)(T(eq)(lo[0], lo[0]), T(add)(hi[0], lo[0]), hi[0]));
        }
}

/* Element j of row k becomes element k of row j, of as many rows as a vector has lanes. */
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

/* Rows that follow each other in memory, elements [begin, end) of as many as a vector has lanes. */
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

/* One run of rows, `count` elements of each, to `at`. */
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

/* Rows are transposed as vectors from this length on; below, one by one. */
enum { T(TRANSPOSE_FROM) = T(WIDTH) / 2 };

LANE int T(transposes)(const fastact_runs *runs, ptrdiff_t r)
{
    return runs->stride == 1 && runs->axis >= T(TRANSPOSE_FROM) && r % T(WIDTH) == 0
           && runs->count - r >= T(WIDTH);
}

/* Lay rows out for the lanes: element j of a row goes to vector j of its column. */
static void T(pack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                    ptrdiff_t end, ptrdiff_t column_step)
{
    const T(t) *x = (const T(t) *)from + begin * runs->stride;
    if (runs->whole) {
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
            const ptrdiff_t cut = end - 1 == runs->cut, count = end - begin - cut;
            T(pack_run)(x + run->offset, runs->stride, run->length, count, at);
            T(pack_run)(x + run->offset + count * runs->stride, 0, runs->cut_length, cut,
                        at + count * T(WIDTH));
        }
    }
}

static void T(unpack)(const fastact_runs *runs, const void *from, void *to, ptrdiff_t begin,
                      ptrdiff_t end, ptrdiff_t column_step)
{
    T(t) *y = (T(t) *)to + begin * runs->stride;
    if (runs->whole) {
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
            const ptrdiff_t cut = end - 1 == runs->cut, count = end - begin - cut;
            T(unpack_run)(at, runs->stride, run->length, count, y + run->offset);
            T(unpack_run)(at + count * T(WIDTH), 0, runs->cut_length, cut,
                          y + run->offset + count * runs->stride);
        }
    }
}

static const fastact_row_lanes T(row_lanes) = {
    T(WIDTH), sizeof(T(t)), sizeof(T(statistic)), T(clear), T(merge), T(give_max), T(give_sums),
    T(pack), T(unpack)};
