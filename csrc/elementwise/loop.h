/* The loop of all elementwise kernels, for elements of the type whose prefix E() adds. They are computed as T(): the same
   type, or f32 for those of 16 bits. */

typedef struct {
    int non_temporal;
    int wide; /* the first output is stored as it is computed, to be summed */
    const E(t) *in[FASTACT_MAX_INPUTS];
    E(t) *out[FASTACT_MAX_OUTPUTS];
} E(data);

LANE int E(is_wide)(const E(data) *d, int k)
{
    return sizeof(E(t)) != sizeof(T(t)) && k == 0 && d->wide;
}

LANE void E(put)(const E(data) *d, int n_out, ptrdiff_t i, const T(v) *out)
{
#pragma GCC unroll 3
    for (int k = 0; k < n_out; k++)
        if (E(is_wide)(d, k))
            T(store)((T(t) *)(void *)d->out[k] + i, out[k]);
        else if (d->non_temporal)
            E(stream)(d->out[k] + i, out[k]);
        else
            E(store)(d->out[k] + i, out[k]);
}

LANE void E(put_part)(const E(data) *d, int n_out, ptrdiff_t i, ptrdiff_t n, const T(v) *out)
{
#pragma GCC unroll 3
    for (int k = 0; k < n_out; k++)
        if (E(is_wide)(d, k))
            T(store_part)((T(t) *)(void *)d->out[k] + i, n, out[k]);
        else
            E(store_part)(d->out[k] + i, n, out[k]);
}

/* One vector at i; the first n lanes of it if n is less than its width. */
LANE void E(step)(T(body) body, int n_in, int n_out, const E(data) *d, ptrdiff_t i, ptrdiff_t n,
                  const T(v) *p, const T(v) *p_lo)
{
    T(v) in[FASTACT_MAX_INPUTS], out[FASTACT_MAX_OUTPUTS];
#pragma GCC unroll 4
    for (int k = 0; k < n_in; k++)
        in[k] = n >= T(WIDTH) ? E(load)(d->in[k] + i) : E(load_part)(d->in[k] + i, n);
    body(in, p, p_lo, out);
    if (n >= T(WIDTH))
        E(put)(d, n_out, i, out);
    else
        E(put_part)(d, n_out, i, n, out);
}

/* Two full vectors at i, by the body for two or twice by that for one; not if the first output is wide. */
LANE void E(pair_step)(T(body) body, T(pair_body) pair, int n_in, int n_out, const E(data) *d, ptrdiff_t i,
                       const T(v) *p, const T(v) *p_lo)
{
    T(v) in[2][FASTACT_MAX_INPUTS], out[2][FASTACT_MAX_OUTPUTS], two[2];
#pragma GCC unroll 4
    for (int k = 0; k < n_in; k++) {
        E(load_two)(d->in[k] + i, two);
        in[0][k] = two[0];
        in[1][k] = two[1];
    }
    if (pair != NULL) {
        pair(in[0], in[1], p, p_lo, out[0], out[1]);
    } else {
        body(in[0], p, p_lo, out[0]);
        body(in[1], p, p_lo, out[1]);
    }
#pragma GCC unroll 3
    for (int k = 0; k < n_out; k++) {
        two[0] = out[0][k];
        two[1] = out[1][k];
        if (d->non_temporal)
            E(stream_two)(d->out[k] + i, two);
        else
            E(store_two)(d->out[k] + i, two);
    }
}

/* All parameters are scalars: broadcast before the loop, so that the compiler also hoists what depends on nothing
   but parameters. `pair` may be NULL. */
LANE void E(scalar_loop)(T(body) body, T(pair_body) pair, int unrolled, int n_in, int n_out, int n_params,
                         const fastact_call *call, const E(data) *d, ptrdiff_t begin, ptrdiff_t end)
{
    T(v) p[FASTACT_MAX_PARAMS], p_lo[FASTACT_MAX_PARAMS];
    for (int k = 0; k < n_params; k++) {
        p[k] = T(set)((T(t))call->param[k]);
        p_lo[k] = T(set)(T(low_part)(call->param[k]));
    }
    const int converts = sizeof(E(t)) != sizeof(T(t));
    ptrdiff_t i = begin;
    if ((pair != NULL || converts) && !(converts && d->wide))
        for (; end - i >= 2 * T(WIDTH); i += 2 * T(WIDTH))
            E(pair_step)(body, pair, n_in, n_out, d, i, p, p_lo);
    else if (unrolled && !d->non_temporal)
        for (; end - i >= 4 * T(WIDTH); i += 4 * T(WIDTH))
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                E(step)(body, n_in, n_out, d, i + k * T(WIDTH), T(WIDTH), p, p_lo);
    for (; i < end; i += T(WIDTH))
        E(step)(body, n_in, n_out, d, i, end - i, p, p_lo);
}

/* At least one parameter is an array. */
LANE void E(array_loop)(T(body) body, int n_in, int n_out, int n_params, const fastact_call *call,
                        const E(data) *d, ptrdiff_t begin, ptrdiff_t end)
{
    T(v) p[FASTACT_MAX_PARAMS], p_lo[FASTACT_MAX_PARAMS];
    for (int k = 0; k < n_params; k++) {
        const double number = call->param_array[k] == NULL ? call->param[k] : 0;
        p[k] = T(set)((T(t))number);
        p_lo[k] = T(set)(T(low_part)(number));
    }
    for (ptrdiff_t i = begin; i < end; i += T(WIDTH)) {
        const ptrdiff_t n = end - i;
        for (int k = 0; k < n_params; k++) {
            const E(t) *at = (const E(t) *)call->param_array[k] + i;
            if (call->param_array[k] != NULL)
                p[k] = n >= T(WIDTH) ? E(load)(at) : E(load_part)(at, n);
        }
        E(step)(body, n_in, n_out, d, i, n, p, p_lo);
    }
}
