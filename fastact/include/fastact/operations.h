/* The operations that the functions of these headers consist of, and what they need of the compiler.

   Every function gives the bits of fastact's own kernels where rounding is that of IEEE 754. A fused multiply-add is a
   function call unless the processor's instruction is allowed (-mfma, -march=native). */
#ifndef FASTACT_OPERATIONS_H
#define FASTACT_OPERATIONS_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "fastact: arithmetic with excess precision would give other bits (on 32-bit x86: -mfpmath=sse)"
#endif
#ifdef __FAST_MATH__
#error "fastact: -ffast-math would change how results are rounded"
#endif

/* gcc fuses a product with a sum, also of another statement, unless told not to: by this, or -ffp-contract=off. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define FASTACT_ROUNDED(product) __builtin_assoc_barrier(product)
#else
#define FASTACT_ROUNDED(product) (product)
#endif

#define FASTACT_OPERATIONS(T, TYPE, BITS, MANTISSA, FMA, SQRT, FABS, COPYSIGN)                     \
    typedef TYPE T##_t;                                                                            \
    typedef TYPE T##_v;                                                                            \
    typedef int T##_m;                                                                             \
    static inline T##_v T##_set(double s) { return (TYPE)s; }                                      \
    static inline T##_v T##_add(T##_v a, T##_v b) { return a + b; }                                \
    static inline T##_v T##_sub(T##_v a, T##_v b) { return a - b; }                                \
    static inline T##_v T##_mul(T##_v a, T##_v b) { return FASTACT_ROUNDED(a * b); }               \
    static inline T##_v T##_div(T##_v a, T##_v b) { return a / b; }                                \
    static inline T##_v T##_fma(T##_v a, T##_v b, T##_v c) { return FMA(a, b, c); }                \
    static inline T##_v T##_neg(T##_v a) { return -a; }                                            \
    static inline T##_v T##_abs(T##_v a) { return FABS(a); }                                       \
    static inline T##_v T##_nabs(T##_v a) { return -FABS(a); }                                     \
    static inline T##_v T##_sqrt(T##_v a) { return SQRT(a); }                                      \
    static inline T##_v T##_copysign(T##_v a, T##_v s) { return COPYSIGN(a, s); }                  \
    static inline T##_v T##_max(T##_v a, T##_v b) { return a > b ? a : b; }                        \
    static inline T##_v T##_min(T##_v a, T##_v b) { return a < b ? a : b; }                        \
    static inline T##_m T##_lt(T##_v a, T##_v b) { return a < b; }                                 \
    static inline T##_m T##_le(T##_v a, T##_v b) { return a <= b; }                                \
    static inline T##_m T##_gt(T##_v a, T##_v b) { return a > b; }                                 \
    static inline T##_m T##_ge(T##_v a, T##_v b) { return a >= b; }                                \
    static inline T##_m T##_eq(T##_v a, T##_v b) { return a == b; }                                \
    static inline T##_m T##_ne(T##_v a, T##_v b) { return a != b; }                                \
    static inline T##_m T##_and(T##_m a, T##_m b) { return a & b; }                                \
    static inline T##_m T##_or(T##_m a, T##_m b) { return a | b; }                                 \
    static inline T##_m T##_not(T##_m a) { return !a; }                                            \
    static inline T##_v T##_select(T##_m m, T##_v a, T##_v b) { return m ? a : b; }                \
    /* The rounding error of a number as TYPE has it. */                                           \
    static inline T##_v T##_low_part(double number)                                                \
    {                                                                                              \
        const TYPE high = (TYPE)number;                                                            \
        return FABS(high) <= (TYPE)(sizeof(TYPE) == 4 ? (double)FLT_MAX : DBL_MAX)                 \
                   ? (TYPE)(number - (double)high) : (TYPE)0;                                      \
    }                                                                                              \
    static inline T##_v T##_scale(T##_v p, T##_v t)                                                \
    {                                                                                              \
        BITS i, j;                                                                                 \
        memcpy(&i, &p, sizeof i);                                                                  \
        memcpy(&j, &t, sizeof j);                                                                  \
        i += j << MANTISSA;                                                                        \
        memcpy(&p, &i, sizeof p);                                                                  \
        return p;                                                                                  \
    }                                                                                              \
    static inline T##_v T##_leading(T##_v a)                                                       \
    {                                                                                              \
        BITS i;                                                                                    \
        memcpy(&i, &a, sizeof i);                                                                  \
        i >>= MANTISSA - 1;                                                                        \
        memcpy(&a, &i, sizeof a);                                                                  \
        return a;                                                                                  \
    }                                                                                              \
    static inline T##_v T##_lookup(T##_v index, const TYPE *table)                                 \
    {                                                                                              \
        BITS i;                                                                                    \
        memcpy(&i, &index, sizeof i);                                                              \
        return table[i & 7];                                                                       \
    }

FASTACT_OPERATIONS(fastact_f32, float, uint32_t, 23, fmaf, sqrtf, fabsf, copysignf)
FASTACT_OPERATIONS(fastact_f64, double, uint64_t, 52, fma, sqrt, fabs, copysign)

#endif
