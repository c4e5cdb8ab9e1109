/* One lane of portable C: runs on every processor, and is what the tests compare the other lanes with. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "arithmetic with excess precision would give other bits (on 32-bit x86: -mfpmath=sse)"
#endif

#define FASTACT_SCALAR_LANES(T, TYPE, BITS, MANTISSA, FMA, SQRT, FABS, COPYSIGN)                   \
    typedef TYPE T##_t;                                                                            \
    typedef TYPE T##_v;                                                                            \
    typedef int T##_m;                                                                             \
    enum { T##_WIDTH = 1 };                                                                        \
    LANE T##_v T##_set(TYPE s) { return s; }                                                       \
    LANE T##_v T##_load(const TYPE *p) { return *p; }                                              \
    LANE void T##_store(TYPE *p, T##_v v) { *p = v; }                                              \
    LANE void T##_stream(TYPE *p, T##_v v) { *p = v; }                                             \
    LANE T##_v T##_load_part(const TYPE *p, ptrdiff_t n) { return n ? *p : 0; }                    \
    LANE void T##_store_part(TYPE *p, ptrdiff_t n, T##_v v) { if (n) *p = v; }                     \
    LANE T##_v T##_add(T##_v a, T##_v b) { return a + b; }                                         \
    LANE T##_v T##_sub(T##_v a, T##_v b) { return a - b; }                                         \
    LANE T##_v T##_mul(T##_v a, T##_v b) { return a * b; }                                         \
    LANE T##_v T##_div(T##_v a, T##_v b) { return a / b; }                                         \
    LANE T##_v T##_fma(T##_v a, T##_v b, T##_v c) { return FMA(a, b, c); }                         \
    LANE T##_v T##_neg(T##_v a) { return -a; }                                                     \
    LANE T##_v T##_abs(T##_v a) { return FABS(a); }                                                \
    LANE T##_v T##_nabs(T##_v a) { return -FABS(a); }                                              \
    LANE T##_v T##_sqrt(T##_v a) { return SQRT(a); }                                               \
    LANE T##_v T##_copysign(T##_v a, T##_v s) { return COPYSIGN(a, s); }                           \
    LANE T##_v T##_max(T##_v a, T##_v b) { return a > b ? a : b; }                                 \
    LANE T##_v T##_min(T##_v a, T##_v b) { return a < b ? a : b; }                                 \
    LANE T##_m T##_lt(T##_v a, T##_v b) { return a < b; }                                          \
    LANE T##_m T##_le(T##_v a, T##_v b) { return a <= b; }                                         \
    LANE T##_m T##_gt(T##_v a, T##_v b) { return a > b; }                                          \
    LANE T##_m T##_ge(T##_v a, T##_v b) { return a >= b; }                                         \
    LANE T##_m T##_eq(T##_v a, T##_v b) { return a == b; }                                         \
    LANE T##_m T##_ne(T##_v a, T##_v b) { return a != b; }                                         \
    LANE T##_m T##_and(T##_m a, T##_m b) { return a & b; }                                         \
    LANE T##_m T##_or(T##_m a, T##_m b) { return a | b; }                                          \
    LANE T##_m T##_not(T##_m a) { return !a; }                                                     \
    LANE T##_v T##_select(T##_m m, T##_v a, T##_v b) { return m ? a : b; }                         \
    LANE T##_v T##_flip(T##_v v, int distance) { (void)distance; return v; }                       \
    LANE T##_m T##_load_mask(const unsigned char *p) { return *p != 0; }                           \
    LANE T##_v T##_scale(T##_v p, T##_v t)                                                         \
    {                                                                                              \
        BITS i, j;                                                                                 \
        memcpy(&i, &p, sizeof i);                                                                  \
        memcpy(&j, &t, sizeof j);                                                                  \
        i += j << MANTISSA;                                                                        \
        memcpy(&p, &i, sizeof p);                                                                  \
        return p;                                                                                  \
    }

FASTACT_SCALAR_LANES(f32, float, uint32_t, 23, fmaf, sqrtf, fabsf, copysignf)
FASTACT_SCALAR_LANES(f64, double, uint64_t, 52, fma, sqrt, fabs, copysign)
