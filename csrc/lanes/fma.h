/* fma and fmaf where the processor has no instruction for them and those of the C library cannot be trusted: MinGW's
   round wrongly in 13 % of random cases, and musl's loses the sign of a result that underflows to zero. They follow
   Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd" (2008).
   Round to nearest is required. One after another takes 20 ns (float: 4), the instruction 3; tests/compiler/test_cross.py
   compares them with rational arithmetic. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

LANE uint64_t fma_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

LANE double fma_from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

LANE double fma_power_of_two(int exponent) { return fma_from_bits((uint64_t)(exponent + 1023) << 52); }

/* x + y, and what it lacks (Knuth). */
LANE double fma_add(double x, double y, double *error)
{
    const double sum = x + y, other = sum - x;
    *error = (x - (sum - other)) + (y - other);
    return sum;
}

/* x * y, and what it lacks (Dekker). */
LANE double fma_multiply(double x, double y, double *error)
{
    const double product = x * y, split = 134217729.0; /* 2**27 + 1 */
    const double x_high = split * x - (split * x - x), x_low = x - x_high;
    const double y_high = split * y - (split * y - y), y_low = y - y_high;
    *error = x_low * y_low - (((product - x_high * y_high) - x_low * y_high) - x_high * y_low);
    return product;
}

/* x + y rounded to odd: of the two neighbours of an inexact sum, the one whose last bit is 1. */
LANE double fma_add_to_odd(double x, double y)
{
    double error;
    const double sum = fma_add(x, y, &error);
    const uint64_t bits = fma_bits(sum);
    if (error == 0 || (bits & 1))
        return sum;
    return fma_from_bits((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

/* x + y + z as a sum of two, of which the second is rounded to odd: their sum is rounded once. */
LANE double fma_add_three(double x, double y, double z, double *odd)
{
    double low, lower;
    const double high = fma_add(x, fma_add(y, z, &low), &lower);
    *odd = fma_add_to_odd(low, lower);
    return high;
}

/* The significand of a finite number other than 0, in [1, 2), and its exponent. */
LANE double fma_split(double x, int *exponent)
{
    const int subnormal = fabs(x) < DBL_MIN;
    const uint64_t bits = fma_bits(subnormal ? x * 0x1p64 : x);
    *exponent = (int)(bits >> 52 & 0x7FF) - (subnormal ? 1023 + 64 : 1023);
    return fma_from_bits((bits & UINT64_C(0x800FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000));
}

static double own_fma(double a, double b, double c)
{
    enum { NEGLIGIBLE = -110 }; /* as an exponent beside 0, whatever the significands of 53 and 106 bits */
    double x, y, z, low, odd;
    int a_exponent, b_exponent, c_exponent, exponent;
    if (!isfinite(a) || !isfinite(b) || a == 0 || b == 0)
        return a * b + c;
    if (!isfinite(c))
        return c;
    a = fma_split(a, &a_exponent);
    b = fma_split(b, &b_exponent);
    const int of_product = a_exponent + b_exponent;
    exponent = of_product;
    if (c != 0) {
        c = fma_split(c, &c_exponent);
        exponent = c_exponent > of_product ? c_exponent : of_product;
        c *= fma_power_of_two(c_exponent - exponent > NEGLIGIBLE ? c_exponent - exponent : NEGLIGIBLE);
    }
    x = fma_multiply(a, b, &low);
    y = fma_power_of_two(of_product - exponent > NEGLIGIBLE ? of_product - exponent : NEGLIGIBLE);
    z = fma_add_three(x * y, c, low * y, &odd);
    double result = z + odd;
    if (exponent < -1022 - NEGLIGIBLE + 2) {
        /* The last bit of a subnormal result is worth 2**last here: where that is more than 8, the result is 0. */
        const int last = -1074 - exponent < 10 ? -1074 - exponent : 10;
        const double smallest_normal = fma_power_of_two(52 + last);
        if (fabs(result) < smallest_normal) {
            const double offset = copysign(smallest_normal, result);
            const double sum = fma_add_three(offset, z, odd, &low);
            result = copysign((sum + low) - offset, result);
        }
        exponent = exponent < -1100 ? -1100 : exponent; /* still 0, and half of it is an exponent of float64 */
    }
    return result * fma_power_of_two(exponent / 2) * fma_power_of_two(exponent - exponent / 2);
}

/* The product is exact in float64, and a sum that is rounded to odd there may be rounded again. */
static float own_fmaf(float a, float b, float c)
{
    const double product = (double)a * b, sum = product + c;
    return (float)(isfinite(sum) ? fma_add_to_odd(product, c) : sum);
}
