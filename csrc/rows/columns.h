/* Loops over blocks of rows, for the element type whose prefix T() adds: f32 or f64. Included by rows.h.

   A loop takes the pieces of one kernel and is inlined into functions of that kernel. The full vectors of
   unmasked rows are taken in groups of four; all others by a careful loop that groups them likewise, so that
   the sums are the same whatever the mask and wherever the end. */

typedef void (*T(piece))(const T(v) *in, const T(v) *row, const T(v) *p, const T(v) *p_lo, T(v) *out);

enum { T(GROUP) = 4, T(BLOCK) = 16 };

/* What is known of a column: the largest key of each lane, and sums of terms that are relative to the
   maximum `at`. Terms are added up plainly within a block of steps, `part`, blocks as hi + lo. */
typedef struct {
    T(v) best, at, hi[FASTACT_MAX_SUMS], lo[FASTACT_MAX_SUMS], part[FASTACT_MAX_SUMS];
} T(statistic);

typedef struct {
    T(v) p[FASTACT_MAX_PARAMS], p_lo[FASTACT_MAX_PARAMS];
} T(parameters);

LANE T(parameters) T(broadcast)(const fastact_block *b, int n_params)
{
    T(parameters) given;
    for (int k = 0; k < n_params; k++) {
        given.p[k] = T(set)((T(t))b->param[k]);
        given.p_lo[k] = T(set)(T(low_part)(b->param[k]));
    }
    return given;
}

LANE T(t) *T(values)(const fastact_block *b, int slot)
{
    return (T(t) *)b->values + slot * FASTACT_MAX_ROWS;
}

LANE void T(load_row)(const fastact_block *b, ptrdiff_t column, T(v) *row)
{
    if (b->along)
#pragma GCC unroll 16
        for (int k = 0; k < ROW_SLOTS; k++)
            row[k] = T(set)(T(values)(b, k)[column]);
    else
#pragma GCC unroll 16
        for (int k = 0; k < ROW_SLOTS; k++)
            row[k] = T(load)(T(values)(b, k) + column * T(WIDTH));
}

/* Which of n lanes count. */
LANE T(m) T(present)(const unsigned char *mask, ptrdiff_t n)
{
    unsigned char bytes[FASTACT_MAX_WIDTH] = {0};
    if (mask == NULL)
        return T(load_mask)(fastact_first + FASTACT_MAX_WIDTH - n);
    if (n >= T(WIDTH))
        return T(load_mask)(mask);
    memcpy(bytes, mask, (size_t)n);
    return T(load_mask)(bytes);
}

LANE const unsigned char *T(mask_at)(const fastact_block *b, ptrdiff_t column, ptrdiff_t i)
{
    return b->mask == NULL ? NULL : b->mask + column * b->mask_step + i * T(WIDTH);
}

LANE ptrdiff_t T(lanes_at)(const fastact_block *b, ptrdiff_t i)
{
    return i == b->steps - 1 ? b->last : T(WIDTH);
}

/* Vectors at the head of each column that need no care. */
LANE ptrdiff_t T(plain_steps)(const fastact_block *b, ptrdiff_t group)
{
    const ptrdiff_t full = b->last == T(WIDTH) ? b->steps : b->steps - 1;
    return b->mask == NULL ? full / group * group : 0;
}

LANE T(v) T(load_some)(const T(t) *p, ptrdiff_t n)
{
    return n >= T(WIDTH) ? T(load)(p) : T(load_part)(p, n);
}

LANE void T(store_some)(T(t) *p, ptrdiff_t n, T(v) v)
{
    if (n >= T(WIDTH))
        T(store)(p, v);
    else
        T(store_part)(p, n, v);
}

/* hi + lo += v, keeping what rounding hi leaves behind. */
LANE void T(add_exactly)(T(v) *hi, T(v) *lo, T(v) v)
{
    const T(v) sum = T(add)(*hi, v), back = T(sub)(sum, *hi);
    const T(v) left = T(add)(T(sub)(*hi, T(sub)(sum, back)), T(sub)(v, back));
    *lo = T(add)(*lo, left);
    *hi = sum;
}

LANE void T(max_loop)(T(piece) key, int n_params, const fastact_block *b)
{
    const T(parameters) given = T(broadcast)(b, n_params);
    const ptrdiff_t plain = T(plain_steps)(b, T(GROUP));
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        const T(t) *in = (const T(t) *)b->in[0] + c * b->in_step;
        T(statistic) *known = (T(statistic) *)b->known + c;
        T(v) best[T(GROUP)], x, k;
        for (int j = 0; j < T(GROUP); j++)
            best[j] = b->fresh ? T(set)(-INFINITY) : known->best;
        ptrdiff_t i = 0;
        for (; i < plain; i += T(GROUP))
#pragma GCC unroll 4
            for (int j = 0; j < T(GROUP); j++) {
                x = T(load)(in + (i + j) * T(WIDTH));
                key(&x, NULL, given.p, given.p_lo, &k);
                best[j] = T(max)(k, best[j]);
            }
        for (; i < b->steps; i++) {
            const ptrdiff_t n = T(lanes_at)(b, i);
            x = T(load_some)(in + i * T(WIDTH), n);
            key(&x, NULL, given.p, given.p_lo, &k);
            k = T(select)(T(present)(T(mask_at)(b, c, i), n), k, T(set)(-INFINITY));
            best[0] = T(max)(k, best[0]);
        }
        known->best = T(max)(T(max)(best[0], best[1]), T(max)(best[2], best[3]));
    }
}

LANE void T(clear_sums)(T(statistic) *known)
{
    for (int s = 0; s < FASTACT_MAX_SUMS; s++)
        known->hi[s] = known->lo[s] = known->part[s] = T(set)(0);
}

LANE int T(ends_block)(const fastact_block *b, ptrdiff_t i)
{
    return (i + T(GROUP)) % T(BLOCK) == 0 || i + T(GROUP) >= b->steps;
}

/* The second sum that goes with a maximum counts elements: whole numbers are added up as they are. Sums of
   weights are of groups, not of blocks, with which softmin is off by 3.6 ulp and not 2.5. */
LANE void T(add_group)(T(statistic) *known, int n_sums, int counted, T(v) (*t)[FASTACT_MAX_SUMS],
                       int ends_block)
{
    for (int s = 0; s < n_sums; s++) {
        const T(v) sum = T(add)(T(add)(t[0][s], t[1][s]), T(add)(t[2][s], t[3][s]));
        const T(v) part = T(add)(known->part[s], sum);
        known->part[s] = ends_block ? T(set)(0) : part;
        if (ends_block && counted && s == 1)
            known->hi[s] = T(add)(known->hi[s], part);
        else if (ends_block)
            T(add_exactly)(&known->hi[s], &known->lo[s], part);
    }
}

LANE void T(sum_column)(T(piece) terms, int n_in, int n_sums, int counted,
                        const T(parameters) *given, const fastact_block *b, ptrdiff_t c,
                        const T(v) *row, T(statistic) *sums)
{
    const ptrdiff_t plain = T(plain_steps)(b, T(GROUP));
    const T(t) *first = (const T(t) *)b->in[0] + c * b->in_step;
    const T(t) *second = n_in > 1 ? (const T(t) *)b->in[1] + c * b->in_step : first;
    T(t) *kept = b->terms == NULL ? NULL : (T(t) *)b->terms + c * b->terms_step;
    T(v) in[2], t[T(GROUP)][FASTACT_MAX_SUMS];
    ptrdiff_t i = 0;
    for (; i < plain; i += T(GROUP)) {
#pragma GCC unroll 4
        for (int j = 0; j < T(GROUP); j++) {
            in[0] = T(load)(first + (i + j) * T(WIDTH));
            if (n_in > 1)
                in[1] = T(load)(second + (i + j) * T(WIDTH));
            terms(in, row, given->p, given->p_lo, t[j]);
            if (kept != NULL)
                T(store)(kept + (i + j) * T(WIDTH), t[j][0]);
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
            const T(m) counts = T(present)(T(mask_at)(b, c, i + j), n);
            in[0] = T(load_some)(first + at, n);
            if (n_in > 1)
                in[1] = T(load_some)(second + at, n);
            terms(in, row, given->p, given->p_lo, one);
            for (int s = 0; s < n_sums; s++)
                t[j][s] = T(select)(counts, one[s], T(set)(0));
            if (kept != NULL)
                T(store_some)(kept + at, n, one[0]);
        }
        T(add_group)(sums, n_sums, counted, t, counted || T(ends_block)(b, i));
    }
}

LANE void T(sum_loop)(T(piece) terms, int n_in, int n_sums, int counted, int n_params,
                      const fastact_block *block)
{
    const fastact_block local = *block, *b = &local; /* which no store of a vector may change */
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(statistic) *known = (T(statistic) *)b->known + c, sums = *known;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        if (b->fresh)
            T(clear_sums)(&sums);
        T(sum_column)(terms, n_in, n_sums, counted, &given, b, c, row, &sums);
        for (int s = 0; s < n_sums; s++) {
            known->hi[s] = sums.hi[s];
            known->lo[s] = sums.lo[s];
            known->part[s] = sums.part[s];
        }
        known->at = row[ROW_MAX];
    }
}

LANE void T(map_column)(T(piece) map, int n_in, const T(parameters) *given, double excluded,
                        const void *from, ptrdiff_t from_step, const fastact_block *b, ptrdiff_t c,
                        const T(v) *row)
{
    const ptrdiff_t plain = T(plain_steps)(b, 1);
    const T(t) *first = (const T(t) *)from + c * from_step;
    const T(t) *second = n_in > 1 ? (const T(t) *)b->in[1] + c * b->in_step : first;
    T(t) *out = (T(t) *)b->out + c * b->out_step;
    T(v) in[2], y;
    ptrdiff_t i = 0;
    for (; i < plain; i++) {
        in[0] = T(load)(first + i * T(WIDTH));
        if (n_in > 1)
            in[1] = T(load)(second + i * T(WIDTH));
        map(in, row, given->p, given->p_lo, &y);
        T(store)(out + i * T(WIDTH), y);
    }
    for (; i < b->steps; i++) {
        const ptrdiff_t n = T(lanes_at)(b, i), at = i * T(WIDTH);
        in[0] = T(load_some)(first + at, n);
        if (n_in > 1)
            in[1] = T(load_some)(second + at, n);
        map(in, row, given->p, given->p_lo, &y);
        y = T(select)(T(present)(T(mask_at)(b, c, i), n), y, T(set)((T(t))excluded));
        T(store_some)(out + at, n, y);
    }
}

LANE void T(map_loop)(T(piece) map, int n_in, int n_params, double excluded, const void *from,
                      ptrdiff_t from_step, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        T(map_column)(map, n_in, &given, excluded, from, from_step, b, c, row);
    }
}

/* The sum of all lanes, in each; plainly, which is as good as a block. Where hi has overflowed, lo is a NaN
   that does not count. */
LANE T(v) T(fold_column)(T(v) hi, T(v) lo)
{
    T(v) sum = T(select)(T(eq)(lo, lo), T(add)(hi, lo), hi);
#pragma GCC unroll 4
    for (int distance = T(WIDTH) / 2; distance > 0; distance /= 2)
        sum = T(add)(sum, T(flip)(sum, distance));
    return sum;
}

/* Sums and map of one row after the other: while one is written the next is read. By tiles, the product of
   softmax took 1.3 times as long for 8192 x 128 float32 and for 256 x 4096. */
LANE void T(row_loop)(T(piece) terms, T(piece) finish, T(piece) map, int n_in, int n_sums,
                      int n_params, double excluded, const fastact_block *block)
{
    const fastact_block local = *block, *b = &local;
    const T(parameters) given = T(broadcast)(b, n_params);
    for (ptrdiff_t c = 0; c < b->columns; c++) {
        T(statistic) sums;
        T(v) row[ROW_SLOTS];
        T(load_row)(b, c, row);
        T(clear_sums)(&sums);
        T(sum_column)(terms, n_in, n_sums, 0, &given, b, c, row, &sums);
        for (int s = 0; s < n_sums; s++)
            row[ROW_SUMS + s] = T(fold_column)(sums.hi[s], sums.lo[s]);
        finish(NULL, row, given.p, given.p_lo, row + ROW_DERIVED);
        T(map_column)(map, n_in, &given, excluded, b->in[0], b->in_step, b, c, row);
    }
}
