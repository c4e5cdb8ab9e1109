/* One lane of portable C: runs on every processor, and is what the tests compare the other lanes with. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "arithmetic with excess precision would give other bits (on 32-bit x86: -mfpmath=sse)"
#endif

#define FASTACT_ONE_LANE

/* The C libraries whose fma is right, or a processor that has the instruction. */
#if (defined(__GLIBC__) || defined(__APPLE__) || defined(__FP_FAST_FMA)) && !defined(FASTACT_OWN_FMA)
#define own_fma fma
#define own_fmaf fmaf
#else
#include "lanes/fma.h"
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
    LANE T##_v T##_lookup(T##_v index, const TYPE *table)                                          \
    {                                                                                              \
        BITS i;                                                                                    \
        memcpy(&i, &index, sizeof i);                                                              \
        return table[i & 7];                                                                       \
    }                                                                                              \
    LANE T##_v T##_leading(T##_v a)                                                                \
    {                                                                                              \
        BITS i;                                                                                    \
        memcpy(&i, &a, sizeof i);                                                                  \
        i >>= MANTISSA - 1;                                                                        \
        memcpy(&a, &i, sizeof a);                                                                  \
        return a;                                                                                  \
    }                                                                                              \
    LANE T##_v T##_scale(T##_v p, T##_v t)                                                         \
    {                                                                                              \
        BITS i, j;                                                                                 \
        memcpy(&i, &p, sizeof i);                                                                  \
        memcpy(&j, &t, sizeof j);                                                                  \
        i += j << MANTISSA;                                                                        \
        memcpy(&p, &i, sizeof p);                                                                  \
        return p;                                                                                  \
    }

FASTACT_SCALAR_LANES(f32, float, uint32_t, 23, own_fmaf, sqrtf, fabsf, copysignf)
FASTACT_SCALAR_LANES(f64, double, uint64_t, 52, own_fma, sqrt, fabs, copysign)

/* Elements of 16 bits, which are computed as f32. */
typedef uint16_t f16_t;
typedef uint16_t bf16_t;

LANE float f32_one(f32_v v) { return v; }
LANE uint16_t halves_set_one(uint16_t s) { return s; }
LANE uint16_t halves_one(uint16_t v) { return v; }
LANE uint16_t halves_load(const uint16_t *p) { return *p; }
LANE uint16_t halves_load_part(const uint16_t *p, ptrdiff_t n) { return n ? *p : 0; }
LANE void halves_store(uint16_t *p, uint16_t v) { *p = v; }
LANE void halves_stream(uint16_t *p, uint16_t v) { *p = v; }
LANE void halves_store_part(uint16_t *p, ptrdiff_t n, uint16_t v) { if (n) *p = v; }
LANE uint32_t bits_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}
LANE float float_of(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}
/* The exponents differ by 112, which a product adds to subnormals, too. */
LANE f32_v f16_widen(uint16_t v)
{
    const uint32_t sign = (uint32_t)(v & 0x8000) << 16, rest = (uint32_t)(v & 0x7FFF) << 13;
    if (rest >= 0x7C00u << 13) /* inf and NaN, which is made quiet */
        return float_of(sign | 0x7F800000u | rest | (rest > 0x7C00u << 13 ? 0x400000u : 0));
    return float_of(sign | bits_of(float_of(rest) * 0x1p112f));
}
LANE uint16_t f16_narrow(f32_v v)
{
    const uint32_t bits = bits_of(v), sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF;
    if (rest > 0x7F800000u)
        return (uint16_t)(sign | 0x7E00 | (rest >> 13 & 0x1FF));
    if (rest >= 0x477FF000u) /* rounds to 2**16 or more */
        return (uint16_t)(sign | 0x7C00);
    if (rest < 0x38800000u) /* subnormal: a unit in the last place of 0.5 is as large */
        return (uint16_t)(sign | (bits_of(float_of(rest) + 0.5f) - bits_of(0.5f)));
    return (uint16_t)(sign | ((rest + 0xFFF + (rest >> 13 & 1) - (112u << 23)) >> 13));
}
LANE f32_v bf16_widen(uint16_t v) { return float_of((uint32_t)v << 16); }
/* A NaN is made quiet: its upper half alone may be an infinity. */
LANE uint16_t bf16_narrow(f32_v v)
{
    const uint32_t bits = bits_of(v), upper = bits >> 16;
    return (uint16_t)(v != v ? upper | 0x40 : (bits + 0x7FFF + (upper & 1)) >> 16);
}
