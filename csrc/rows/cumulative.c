/* What logcumsumexp needs besides exponentials and logarithms, over contiguous rows. Plain arithmetic, one rounding an
   operation: every compiler gives the same bits. */
#include <math.h>

#include "fastact.h"

static double base_of(double maximum) { return 8 * floor(maximum / 8); }

/* For each element the maximum so far and, with the base b of a maximum, what is to be exponentiated: the base before - b,
   the maximum - b, and the smaller of x and the maximum before - b. Beside a maximum that is not finite nothing counts.
   `carried`: the maximum before the row. */
void fastact_running_maximum(const double *x, const double *carried, double *maximum, double *exponents,
                             ptrdiff_t rows, ptrdiff_t n)
{
    double *factor = exponents, *top = exponents + rows * n, *others = exponents + 2 * rows * n;
    for (ptrdiff_t r = 0, k = 0; r < rows; r++) {
        double m = carried[r], b = base_of(m);
        for (ptrdiff_t i = 0; i < n; i++, k++) {
            const double v = x[k], old = m, before = b;
            if (v > m || v != v) {
                m = v;
                b = base_of(m);
            }
            const int finite = m - m == 0;
            maximum[k] = m;
            factor[k] = finite ? (b == before ? 0 : before - b) : -INFINITY;
            top[k] = finite ? m - b : 0;
            others[k] = finite ? (v < old ? v : old) - b : -INFINITY;
        }
    }
}

/* Replaces terms t by s with s[i] = factor[i] * s[i - 1] + t[i]; before the row s is `carried`. Rounding errors of the
   additions are added up beside the sum. Factors other than 1 are at most exp(-8) in what matters: products need no such
   care. */
void fastact_recurrence(const double *factor, const double *carried, double *terms, ptrdiff_t rows, ptrdiff_t n)
{
    for (ptrdiff_t r = 0, k = 0; r < rows; r++) {
        double high = carried[r], low = 0;
        for (ptrdiff_t i = 0; i < n; i++, k++) {
            const double f = factor[k], t = terms[k], product = f * high;
            const double sum = product + t, back = sum - product;
            low = f * low + ((product - (sum - back)) + (t - back));
            high = sum;
            terms[k] = low == low ? high + low : high;
        }
    }
}
