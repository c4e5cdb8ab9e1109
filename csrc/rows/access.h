/* Row values, parameters, masks and partial vectors of a block, for the element type whose prefix T() adds. */

typedef void (*T(piece))(const T(v) *in, const T(v) *row, const T(v) *p, const T(v) *p_lo, T(v) *out);

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

/* Which of the first n lanes are included. */
LANE T(m) T(included)(const unsigned char *mask, ptrdiff_t n)
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
    return i == b->steps - 1 ? b->last_lanes : T(WIDTH);
}

/* How many steps of a column, in whole groups, have full and unmasked vectors. */
LANE ptrdiff_t T(full_steps)(const fastact_block *b, ptrdiff_t group)
{
    const ptrdiff_t full = b->last_lanes == T(WIDTH) ? b->steps : b->steps - 1;
    return b->mask == NULL ? full / group * group : 0;
}

LANE T(t) T(load_one)(const T(t) *p) { return *p; }
LANE void T(store_one)(T(t) *p, T(t) s) { *p = s; }

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
