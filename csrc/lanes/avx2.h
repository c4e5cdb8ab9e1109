/* AVX2 + FMA: eight floats or four doubles. Masks are vectors, all ones or all zeros per lane. */
#include <immintrin.h>
#include <stdint.h>
#include <string.h>

/* The mask of the first n lanes starts at element 8 - n (float64: 4 - n). */
static const int32_t fastact_first32[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
static const int64_t fastact_first64[8] = {-1, -1, -1, -1};

typedef float f32_t;
typedef __m256 f32_v;
typedef __m256 f32_m;
enum { f32_WIDTH = 8 };

LANE __m256i f32_first(ptrdiff_t n)
{
    return _mm256_loadu_si256((const __m256i *)(fastact_first32 + 8 - n));
}
LANE f32_v f32_set(float s) { return _mm256_set1_ps(s); }
LANE f32_v f32_load(const float *p) { return _mm256_loadu_ps(p); }
LANE void f32_store(float *p, f32_v v) { _mm256_storeu_ps(p, v); }
LANE void f32_stream(float *p, f32_v v) { _mm256_stream_ps(p, v); }
LANE f32_v f32_load_part(const float *p, ptrdiff_t n)
{
    return _mm256_maskload_ps(p, f32_first(n));
}
LANE void f32_store_part(float *p, ptrdiff_t n, f32_v v)
{
    _mm256_maskstore_ps(p, f32_first(n), v);
}
LANE f32_v f32_add(f32_v a, f32_v b) { return _mm256_add_ps(a, b); }
LANE f32_v f32_sub(f32_v a, f32_v b) { return _mm256_sub_ps(a, b); }
LANE f32_v f32_mul(f32_v a, f32_v b) { return _mm256_mul_ps(a, b); }
LANE f32_v f32_div(f32_v a, f32_v b) { return _mm256_div_ps(a, b); }
LANE f32_v f32_fma(f32_v a, f32_v b, f32_v c) { return _mm256_fmadd_ps(a, b, c); }
/* Unary minus, not an xor: GCC then folds it into vfnmadd and vfmsub. */
LANE f32_v f32_neg(f32_v a) { return -a; }
LANE f32_v f32_abs(f32_v a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
LANE f32_v f32_nabs(f32_v a) { return _mm256_or_ps(_mm256_set1_ps(-0.0f), a); }
LANE f32_v f32_sqrt(f32_v a) { return _mm256_sqrt_ps(a); }
LANE f32_v f32_copysign(f32_v a, f32_v s)
{
    const f32_v sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, s));
}
LANE f32_v f32_max(f32_v a, f32_v b) { return _mm256_max_ps(a, b); }
LANE f32_v f32_min(f32_v a, f32_v b) { return _mm256_min_ps(a, b); }
LANE f32_m f32_lt(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
LANE f32_m f32_le(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
LANE f32_m f32_gt(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
LANE f32_m f32_ge(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_GE_OQ); }
LANE f32_m f32_eq(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
LANE f32_m f32_ne(f32_v a, f32_v b) { return _mm256_cmp_ps(a, b, _CMP_NEQ_UQ); }
LANE f32_m f32_and(f32_m a, f32_m b) { return _mm256_and_ps(a, b); }
LANE f32_m f32_or(f32_m a, f32_m b) { return _mm256_or_ps(a, b); }
LANE f32_m f32_not(f32_m a) { return _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))); }
LANE f32_v f32_select(f32_m m, f32_v a, f32_v b) { return _mm256_blendv_ps(b, a, m); }
LANE f32_v f32_scale(f32_v p, f32_v t)
{
    const __m256i shifted = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shifted));
}
LANE f32_v f32_leading(f32_v a)
{
    return _mm256_castsi256_ps(_mm256_srli_epi32(_mm256_castps_si256(a), 22));
}
/* Of eight entries, those that the lowest three bits of each lane name. */
LANE f32_v f32_lookup(f32_v index, const float *table)
{
    return _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), _mm256_castps_si256(index));
}
/* Lane i takes lane i ^ distance; the distance is a constant, a power of two. */
LANE f32_v f32_flip(f32_v v, int distance)
{
    switch (distance) {
    case 4: return _mm256_permute2f128_ps(v, v, 1);
    case 2: return _mm256_permute_ps(v, 0x4E);
    default: return _mm256_permute_ps(v, 0xB1);
    }
}
LANE f32_m f32_load_mask(const unsigned char *p)
{
    const __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(wide, _mm256_setzero_si256()));
}

typedef double f64_t;
typedef __m256d f64_v;
typedef __m256d f64_m;
enum { f64_WIDTH = 4 };

LANE __m256i f64_first(ptrdiff_t n)
{
    return _mm256_loadu_si256((const __m256i *)(fastact_first64 + 4 - n));
}
LANE f64_v f64_set(double s) { return _mm256_set1_pd(s); }
LANE f64_v f64_load(const double *p) { return _mm256_loadu_pd(p); }
LANE void f64_store(double *p, f64_v v) { _mm256_storeu_pd(p, v); }
LANE void f64_stream(double *p, f64_v v) { _mm256_stream_pd(p, v); }
LANE f64_v f64_load_part(const double *p, ptrdiff_t n)
{
    return _mm256_maskload_pd(p, f64_first(n));
}
LANE void f64_store_part(double *p, ptrdiff_t n, f64_v v)
{
    _mm256_maskstore_pd(p, f64_first(n), v);
}
LANE f64_v f64_add(f64_v a, f64_v b) { return _mm256_add_pd(a, b); }
LANE f64_v f64_sub(f64_v a, f64_v b) { return _mm256_sub_pd(a, b); }
LANE f64_v f64_mul(f64_v a, f64_v b) { return _mm256_mul_pd(a, b); }
LANE f64_v f64_div(f64_v a, f64_v b) { return _mm256_div_pd(a, b); }
LANE f64_v f64_fma(f64_v a, f64_v b, f64_v c) { return _mm256_fmadd_pd(a, b, c); }
LANE f64_v f64_neg(f64_v a) { return -a; }
LANE f64_v f64_abs(f64_v a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
LANE f64_v f64_nabs(f64_v a) { return _mm256_or_pd(_mm256_set1_pd(-0.0), a); }
LANE f64_v f64_sqrt(f64_v a) { return _mm256_sqrt_pd(a); }
LANE f64_v f64_copysign(f64_v a, f64_v s)
{
    const f64_v sign = _mm256_set1_pd(-0.0);
    return _mm256_or_pd(_mm256_andnot_pd(sign, a), _mm256_and_pd(sign, s));
}
LANE f64_v f64_max(f64_v a, f64_v b) { return _mm256_max_pd(a, b); }
LANE f64_v f64_min(f64_v a, f64_v b) { return _mm256_min_pd(a, b); }
LANE f64_m f64_lt(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_LT_OQ); }
LANE f64_m f64_le(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_LE_OQ); }
LANE f64_m f64_gt(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_GT_OQ); }
LANE f64_m f64_ge(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_GE_OQ); }
LANE f64_m f64_eq(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_EQ_OQ); }
LANE f64_m f64_ne(f64_v a, f64_v b) { return _mm256_cmp_pd(a, b, _CMP_NEQ_UQ); }
LANE f64_m f64_and(f64_m a, f64_m b) { return _mm256_and_pd(a, b); }
LANE f64_m f64_or(f64_m a, f64_m b) { return _mm256_or_pd(a, b); }
LANE f64_m f64_not(f64_m a)
{
    return _mm256_xor_pd(a, _mm256_castsi256_pd(_mm256_set1_epi64x(-1)));
}
LANE f64_v f64_select(f64_m m, f64_v a, f64_v b) { return _mm256_blendv_pd(b, a, m); }
LANE f64_v f64_scale(f64_v p, f64_v t)
{
    const __m256i shifted = _mm256_slli_epi64(_mm256_castpd_si256(t), 52);
    return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(p), shifted));
}
LANE f64_v f64_leading(f64_v a)
{
    return _mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(a), 51));
}
/* Four entries at a time, as pairs of floats: pair 2i and 2i + 1, from the half that bit 2 names. */
LANE f64_v f64_lookup(f64_v index, const double *table)
{
    const __m256i bits = _mm256_castpd_si256(index);
    const __m256i doubled = _mm256_slli_epi32(_mm256_shuffle_epi32(bits, 0xA0), 1);
    const __m256i pair = _mm256_or_si256(doubled, _mm256_set1_epi64x(INT64_C(1) << 32));
    const __m256 low = _mm256_castpd_ps(_mm256_loadu_pd(table));
    const __m256 high = _mm256_castpd_ps(_mm256_loadu_pd(table + 4));
    return _mm256_blendv_pd(_mm256_castps_pd(_mm256_permutevar8x32_ps(low, pair)),
                            _mm256_castps_pd(_mm256_permutevar8x32_ps(high, pair)),
                            _mm256_castsi256_pd(_mm256_slli_epi64(bits, 61)));
}
LANE f64_v f64_flip(f64_v v, int distance)
{
    return distance == 2 ? _mm256_permute2f128_pd(v, v, 1) : _mm256_permute_pd(v, 5);
}
LANE f64_m f64_load_mask(const unsigned char *p)
{
    int32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    const __m256i wide = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(bytes));
    return _mm256_castsi256_pd(_mm256_cmpgt_epi64(wide, _mm256_setzero_si256()));
}

/* Elements of 16 bits, which are computed as f32. */
typedef uint16_t f16_t;
typedef uint16_t bf16_t;

#include "lanes/quarters.h"

LANE float f32_one(f32_v v) { return _mm256_cvtss_f32(v); }
LANE __m128i halves_set_one(uint16_t s) { return _mm_cvtsi32_si128(s); }
LANE uint16_t halves_one(__m128i v) { return (uint16_t)_mm_cvtsi128_si32(v); }
LANE __m128i halves_load(const uint16_t *p) { return _mm_loadu_si128((const __m128i *)p); }
LANE __m128i halves_load_part(const uint16_t *p, ptrdiff_t n)
{
    return _mm_set_epi64x((long long)quarter_load(p + 4, n - 4), (long long)quarter_load(p, n));
}
LANE void halves_store(uint16_t *p, __m128i v) { _mm_storeu_si128((__m128i *)p, v); }
LANE void halves_stream(uint16_t *p, __m128i v) { _mm_stream_si128((__m128i *)p, v); }
LANE void halves_store_part(uint16_t *p, ptrdiff_t n, __m128i v)
{
    quarter_store(p, n, (uint64_t)_mm_cvtsi128_si64(v));
    quarter_store(p + 4, n - 4, (uint64_t)_mm_extract_epi64(v, 1));
}
LANE f32_v f16_widen(__m128i v) { return _mm256_cvtph_ps(v); }
LANE __m128i f16_narrow(f32_v v) { return _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT); }
LANE f32_v bf16_widen(__m128i v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}
/* The bits, rounded: the upper half counts. A NaN is made quiet: its upper half alone may be an infinity. */
LANE __m256i bf16_round(f32_v v)
{
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7FFF)), odd);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_blendv_epi8(sum, quiet, nan);
}
LANE __m128i bf16_narrow(f32_v v)
{
    const __m256i wide = _mm256_srli_epi32(bf16_round(v), 16);
    const __m256i packed = _mm256_packus_epi32(wide, wide);
    return _mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
}
/* Two vectors of bf16 side by side: the even elements and the odd ones, which takes no permutation. */
LANE void bf16_load_two(const bf16_t *p, f32_v *two)
{
    const __m256i both = _mm256_loadu_si256((const __m256i *)p);
    two[0] = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
    two[1] = _mm256_castsi256_ps(_mm256_and_si256(both, _mm256_set1_epi32(-0x10000)));
}
LANE __m256i bf16_narrow_two(const f32_v *two)
{
    const __m256i even = _mm256_srli_epi32(bf16_round(two[0]), 16);
    return _mm256_blend_epi16(even, bf16_round(two[1]), 0xAA);
}
LANE void bf16_store_two(bf16_t *p, const f32_v *two)
{
    _mm256_storeu_si256((__m256i *)p, bf16_narrow_two(two));
}
LANE void bf16_stream_two(bf16_t *p, const f32_v *two)
{
    _mm256_stream_si256((__m256i *)p, bf16_narrow_two(two));
}
#define BF16_HAS_TWO
