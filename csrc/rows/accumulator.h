/* Partial results of the reductions over a row, for the element type whose prefix T() adds: elements are added to an
   accumulator, accumulators are merged, and their lanes reduced to a row value. */

enum { T(GROUP) = 4, T(BLOCK) = 16 }; /* steps */

/* Of one column, lane by lane: the largest key, and sums of terms that are relative to the maximum `reference`. Terms
   are added to `part` for a block of steps, and blocks to the two-part sums hi + lo. */
typedef struct {
    T(v) max, reference, hi[FASTACT_MAX_SUMS], lo[FASTACT_MAX_SUMS], part[FASTACT_MAX_SUMS];
} T(accumulator);

/* hi + lo += v: the rounding error of hi goes to lo. */
LANE void T(add_exactly)(T(v) *hi, T(v) *lo, T(v) v)
{
    const T(v) sum = T(add)(*hi, v), back = T(sub)(sum, *hi);
    const T(v) error = T(add)(T(sub)(*hi, T(sub)(sum, back)), T(sub)(v, back));
    *lo = T(add)(*lo, error);
    *hi = sum;
}

LANE void T(clear_sums)(T(accumulator) *acc)
{
    for (int s = 0; s < FASTACT_MAX_SUMS; s++)
        acc->hi[s] = acc->lo[s] = acc->part[s] = T(set)(0);
}

/* The terms of GROUP steps. Sums relative to a maximum are weights, and `counted`: each group is a block, as with
   longer blocks the error of softmin is 3.6 ulp instead of 2.5; the second sum counts elements, and needs no lo. */
LANE void T(add_group)(T(accumulator) *acc, int n_sums, int counted, T(v) (*t)[FASTACT_MAX_SUMS],
                       int ends_block)
{
    for (int s = 0; s < n_sums; s++) {
        const T(v) sum = T(add)(T(add)(t[0][s], t[1][s]), T(add)(t[2][s], t[3][s]));
        const T(v) part = T(add)(acc->part[s], sum);
        acc->part[s] = ends_block ? T(set)(0) : part;
        if (ends_block && counted && s == 1)
            acc->hi[s] = T(add)(acc->hi[s], part);
        else if (ends_block)
            T(add_exactly)(&acc->hi[s], &acc->lo[s], part);
    }
}

LANE int T(ends_block)(const fastact_block *b, ptrdiff_t i)
{
    return (i + T(GROUP)) % T(BLOCK) == 0 || i + T(GROUP) >= b->steps;
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

/* --- whole rows: accumulators to accumulators, lanes to row values ----------------------------------------- */

static void T(clear)(const fastact_block *b)
{
    T(accumulator) *acc = b->accumulators;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        acc[c].max = acc[c].reference = T(set)(-INFINITY);
        for (int s = 0; s < FASTACT_MAX_SUMS; s++)
            acc[c].hi[s] = acc[c].lo[s] = T(set)(0);
    }
}

static void T(merge)(const fastact_block *b, const void *others)
{
    T(accumulator) *acc = b->accumulators;
    const T(accumulator) *other = others;
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        acc[c].max = T(max)(other[c].max, acc[c].max);
        for (int s = 0; s < FASTACT_MAX_SUMS; s++) {
            T(add_exactly)(&acc[c].hi[s], &acc[c].lo[s], other[c].hi[s]);
            acc[c].lo[s] = T(add)(acc[c].lo[s], other[c].lo[s]);
        }
    }
}

/* The operands that combine the lanes of two columns that are `distance` apart. In the lanes whose number lacks that
   bit they are of column a, in the others of column b. */
LANE void T(pair_lanes)(T(v) a, T(v) b, int distance, T(v) *x, T(v) *y)
{
    const T(m) lacks = T(load_mask)(fastact_lacks[distance]);
    *x = T(select)(lacks, a, b);
    *y = T(flip)(T(select)(lacks, b, a), distance);
}

/* Reduces WIDTH columns to one vector, whose lane k is column k reduced over its lanes: one level leaves half the
   columns. */
#define FASTACT_REDUCE_LEVEL(combine, a, b, distance)                                                         \
    if (T(WIDTH) > distance)                                                                       \
        for (int k = 0; k < distance; k++)                                                         \
            combine(&a[k], &b[k], a[k + distance], b[k + distance], distance);
#define FASTACT_REDUCE(combine, a, b)                                                               \
    FASTACT_REDUCE_LEVEL(combine, a, b, 8)                                                                    \
    FASTACT_REDUCE_LEVEL(combine, a, b, 4)                                                                    \
    FASTACT_REDUCE_LEVEL(combine, a, b, 2)                                                                    \
    FASTACT_REDUCE_LEVEL(combine, a, b, 1)

LANE void T(combine_max)(T(v) *max, T(v) *unused, T(v) other, T(v) unused_too, int distance)
{
    T(v) x, y;
    (void)unused, (void)unused_too;
    T(pair_lanes)(*max, other, distance, &x, &y);
    *max = T(max)(x, y);
}

LANE void T(combine_sums)(T(v) *hi, T(v) *lo, T(v) other, T(v) other_lo, int distance)
{
    T(v) x, y, x_lo, y_lo;
    T(pair_lanes)(*hi, other, distance, &x, &y);
    T(pair_lanes)(*lo, other_lo, distance, &x_lo, &y_lo);
    *lo = T(add)(x_lo, y_lo);
    T(add_exactly)(&x, lo, y);
    *hi = x;
}

/* Lanes k, k + fold, k + 2 * fold, ... of a column are one row: their maximum, in each of them. */
LANE T(v) T(fold_lanes_max)(T(v) max, int fold)
{
    T(t) lane[T(WIDTH)];
    T(store)(lane, max);
    for (int k = fold; k < T(WIDTH) / fold * fold; k++)
        lane[k % fold] = lane[k] > lane[k % fold] ? lane[k] : lane[k % fold];
    for (int k = fold; k < T(WIDTH); k++)
        lane[k] = lane[k % fold];
    return T(load)(lane);
}

LANE void T(fold_lanes_sum)(T(v) *hi, T(v) *lo, int fold)
{
    T(t) high[T(WIDTH)], low[T(WIDTH)];
    T(store)(high, *hi);
    T(store)(low, *lo);
    for (int k = fold; k < T(WIDTH) / fold * fold; k++) {
        const int to = k % fold;
        const T(t) sum = high[to] + high[k], back = sum - high[to];
        low[to] += low[k] + ((high[to] - (sum - back)) + (high[k] - back));
        high[to] = sum;
    }
    for (int k = fold; k < T(WIDTH); k++) {
        high[k] = high[k % fold];
        low[k] = low[k % fold];
    }
    *hi = T(load)(high);
    *lo = T(load)(low);
}

/* Stores the maximum of each row as a row value. */
static void T(reduce_max)(const fastact_block *b)
{
    const T(accumulator) *acc = b->accumulators;
    const ptrdiff_t step = b->along ? T(WIDTH) : 1;
    for (ptrdiff_t c = 0; c < b->columns; c += step) {
        T(v) max[T(WIDTH)];
        if (b->along) {
            for (int k = 0; k < T(WIDTH); k++)
                max[k] = acc[c + k < b->columns ? c + k : c].max;
            FASTACT_REDUCE(T(combine_max), max, max)
        } else {
            max[0] = b->fold ? T(fold_lanes_max)(acc[c].max, b->fold) : acc[c].max;
        }
        T(store)(T(values)(b, ROW_MAX) + (b->along ? c : c * T(WIDTH)), max[0]);
    }
}

/* The same for the sums. Where hi has overflowed, lo is NaN and is ignored. */
static void T(reduce_sums)(const fastact_block *b, int n_sums)
{
    const T(accumulator) *acc = b->accumulators;
    const ptrdiff_t step = b->along ? T(WIDTH) : 1;
    for (ptrdiff_t c = 0; c < b->columns; c += step)
        for (int s = 0; s < n_sums; s++) {
            T(v) hi[T(WIDTH)], lo[T(WIDTH)];
            const ptrdiff_t at = b->along ? c : c * T(WIDTH);
            if (b->along) {
                for (int k = 0; k < T(WIDTH); k++) {
                    const T(accumulator) *column = &acc[c + k < b->columns ? c + k : c];
                    hi[k] = column->hi[s];
                    lo[k] = column->lo[s];
                }
                FASTACT_REDUCE(T(combine_sums), hi, lo)
            } else {
                hi[0] = acc[c].hi[s];
                lo[0] = acc[c].lo[s];
                if (b->fold)
                    T(fold_lanes_sum)(&hi[0], &lo[0], b->fold);
            }
            T(store)(T(values)(b, ROW_SUMS + s) + at,
                     T(select)(T(eq)(lo[0], lo[0]), T(add)(hi[0], lo[0]), hi[0]));
        }
}
