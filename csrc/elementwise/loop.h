/* The loop of all elementwise kernels, for the element type whose prefix T() adds: f32 or f64. */

typedef void (*T(body))(const T(v) *in, const T(v) *p, const T(v) *p_lo, T(v) *out);

/* The same for two vectors at a time. */
typedef void (*T(pair_body))(const T(v) *in_a, const T(v) *in_b, const T(v) *p, const T(v) *p_lo,
                             T(v) *out_a, T(v) *out_b);

typedef struct {
    int non_temporal;
    const T(t) *in[FASTACT_MAX_INPUTS];
    T(t) *out[FASTACT_MAX_OUTPUTS];
} T(data);

/* The rounding error of a number as the element type has it: always 0 for f64. */
LANE T(t) T(low_part)(double number)
{
    const T(t) high = (T(t))number;
    return isfinite(high) ? (T(t))(number - (double)high) : 0;
}

LANE void T(put)(const T(data) *d, int n_out, ptrdiff_t i, const T(v) *out)
{
#pragma GCC unroll 2
    for (int k = 0; k < n_out; k++)
        if (d->non_temporal)
            T(stream)(d->out[k] + i, out[k]);
        else
            T(store)(d->out[k] + i, out[k]);
}

/* One vector at i; the first n lanes of it if n is less than its width. */
LANE void T(step)(T(body) body, int n_in, int n_out, const T(data) *d, ptrdiff_t i, ptrdiff_t n,
                  const T(v) *p, const T(v) *p_lo)
{
    T(v) in[FASTACT_MAX_INPUTS], out[FASTACT_MAX_OUTPUTS];
#pragma GCC unroll 3
    for (int k = 0; k < n_in; k++)
        in[k] = n >= T(WIDTH) ? T(load)(d->in[k] + i) : T(load_part)(d->in[k] + i, n);
    body(in, p, p_lo, out);
    if (n >= T(WIDTH)) {
        T(put)(d, n_out, i, out);
    } else {
        T(store_part)(d->out[0] + i, n, out[0]);
        if (n_out > 1)
            T(store_part)(d->out[1] + i, n, out[1]);
    }
}

/* Two full vectors at i. */
LANE void T(pair_step)(T(pair_body) body, int n_in, int n_out, const T(data) *d, ptrdiff_t i,
                       const T(v) *p, const T(v) *p_lo)
{
    T(v) in[2][FASTACT_MAX_INPUTS], out[2][FASTACT_MAX_OUTPUTS];
#pragma GCC unroll 3
    for (int k = 0; k < n_in; k++) {
        in[0][k] = T(load)(d->in[k] + i);
        in[1][k] = T(load)(d->in[k] + i + T(WIDTH));
    }
    body(in[0], in[1], p, p_lo, out[0], out[1]);
    T(put)(d, n_out, i, out[0]);
    T(put)(d, n_out, i + T(WIDTH), out[1]);
}

/* All parameters are scalars: broadcast before the loop, so that the compiler also hoists what depends on nothing
   but parameters. `pair` may be NULL. */
LANE void T(scalar_loop)(T(body) body, T(pair_body) pair, int n_in, int n_out, int n_params,
                         const fastact_call *call, const T(data) *d, ptrdiff_t begin, ptrdiff_t end)
{
    T(v) p[FASTACT_MAX_PARAMS], p_lo[FASTACT_MAX_PARAMS];
    for (int k = 0; k < n_params; k++) {
        p[k] = T(set)((T(t))call->param[k]);
        p_lo[k] = T(set)(T(low_part)(call->param[k]));
    }
    ptrdiff_t i = begin;
    if (pair != NULL)
        for (; end - i >= 2 * T(WIDTH); i += 2 * T(WIDTH))
            T(pair_step)(pair, n_in, n_out, d, i, p, p_lo);
    else if (!d->non_temporal)
        for (; end - i >= 4 * T(WIDTH); i += 4 * T(WIDTH))
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                T(step)(body, n_in, n_out, d, i + k * T(WIDTH), T(WIDTH), p, p_lo);
    for (; i < end; i += T(WIDTH))
        T(step)(body, n_in, n_out, d, i, end - i, p, p_lo);
}

/* At least one parameter is an array. Scalars are loaded from a vector of copies, at stride 0. */
LANE void T(array_loop)(T(body) body, int n_in, int n_out, int n_params, const fastact_call *call,
                        const T(data) *d, ptrdiff_t begin, ptrdiff_t end)
{
    T(t) high[FASTACT_MAX_PARAMS][T(WIDTH)], low[FASTACT_MAX_PARAMS][T(WIDTH)];
    const T(t) *source[FASTACT_MAX_PARAMS];
    ptrdiff_t stride[FASTACT_MAX_PARAMS];
    for (int k = 0; k < n_params; k++) {
        const int scalar = call->param_array[k] == NULL;
        const double number = scalar ? call->param[k] : 0;
        T(store)(high[k], T(set)((T(t))number));
        T(store)(low[k], T(set)(T(low_part)(number)));
        source[k] = scalar ? high[k] : call->param_array[k];
        stride[k] = scalar ? 0 : 1;
    }
    for (ptrdiff_t i = begin; i < end; i += T(WIDTH)) {
        T(v) p[FASTACT_MAX_PARAMS], p_lo[FASTACT_MAX_PARAMS];
        const ptrdiff_t n = end - i;
        for (int k = 0; k < n_params; k++) {
            const T(t) *at = source[k] + i * stride[k];
            p[k] = n >= T(WIDTH) ? T(load)(at) : T(load_part)(at, n);
            p_lo[k] = T(load)(low[k]);
        }
        T(step)(body, n_in, n_out, d, i, n, p, p_lo);
    }
}

/* Always eight partial sums, whatever the vector width: the same bits from every instruction set. */
static double T(sum)(const void *elements, ptrdiff_t count)
{
    typedef T(t) eight __attribute__((vector_size(8 * sizeof(T(t))), aligned(sizeof(T(t)))));
    typedef double eight_wide __attribute__((vector_size(8 * sizeof(double))));
    const T(t) *x = elements;
    eight_wide total[2] = {{0}, {0}};
    ptrdiff_t i = 0;
    for (; count - i >= 16; i += 16)
        for (int k = 0; k < 2; k++)
            total[k] += __builtin_convertvector(*(const eight *)(x + i + 8 * k), eight_wide);
    total[0] += total[1];
    double sum = 0;
    for (int k = 0; k < 8; k++)
        sum += total[0][k];
    for (; i < count; i++)
        sum += x[i];
    return sum;
}
