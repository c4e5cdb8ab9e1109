/* What does not depend on how elements are stored, for the type that is computed in, whose prefix T() adds: f32 or f64. */

typedef void (*T(body))(const T(v) *in, const T(v) *p, const T(v) *p_lo, T(v) *out);

/* The same for two vectors at a time. */
typedef void (*T(pair_body))(const T(v) *in_a, const T(v) *in_b, const T(v) *p, const T(v) *p_lo,
                             T(v) *out_a, T(v) *out_b);

/* The rounding error of a number as the element type has it: always 0 for f64. */
LANE T(t) T(low_part)(double number)
{
    const T(t) high = (T(t))number;
    return isfinite(high) ? (T(t))(number - (double)high) : 0;
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
