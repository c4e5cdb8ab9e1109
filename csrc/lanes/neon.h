/* NEON on 64-bit Arm: four floats or two doubles. Masks are integer vectors. */
#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

typedef float32_t f32_t;
typedef float32x4_t f32_v;
typedef uint32x4_t f32_m;
enum { f32_WIDTH = 4 };

LANE f32_v f32_set(f32_t s) { return vdupq_n_f32(s); }
LANE f32_v f32_load(const f32_t *p) { return vld1q_f32(p); }
LANE void f32_store(f32_t *p, f32_v v) { vst1q_f32(p, v); }
LANE void f32_stream(f32_t *p, f32_v v) { vst1q_f32(p, v); }
LANE f32_v f32_load_part(const f32_t *p, ptrdiff_t n)
{
    f32_t lanes[f32_WIDTH] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vld1q_f32(lanes);
}
LANE void f32_store_part(f32_t *p, ptrdiff_t n, f32_v v)
{
    f32_t lanes[f32_WIDTH];
    vst1q_f32(lanes, v);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
LANE f32_v f32_add(f32_v a, f32_v b) { return vaddq_f32(a, b); }
LANE f32_v f32_sub(f32_v a, f32_v b) { return vsubq_f32(a, b); }
LANE f32_v f32_mul(f32_v a, f32_v b) { return vmulq_f32(a, b); }
LANE f32_v f32_div(f32_v a, f32_v b) { return vdivq_f32(a, b); }
LANE f32_v f32_fma(f32_v a, f32_v b, f32_v c) { return vfmaq_f32(c, a, b); }
LANE f32_v f32_neg(f32_v a) { return vnegq_f32(a); }
LANE f32_v f32_abs(f32_v a) { return vabsq_f32(a); }
LANE f32_v f32_nabs(f32_v a) { return vnegq_f32(vabsq_f32(a)); }
LANE f32_v f32_sqrt(f32_v a) { return vsqrtq_f32(a); }
LANE f32_v f32_copysign(f32_v a, f32_v s)
{
    return vbslq_f32(vdupq_n_u32(UINT32_C(1) << 31), s, a);
}
LANE f32_m f32_lt(f32_v a, f32_v b) { return vcltq_f32(a, b); }
LANE f32_m f32_le(f32_v a, f32_v b) { return vcleq_f32(a, b); }
LANE f32_m f32_gt(f32_v a, f32_v b) { return vcgtq_f32(a, b); }
LANE f32_m f32_ge(f32_v a, f32_v b) { return vcgeq_f32(a, b); }
LANE f32_m f32_eq(f32_v a, f32_v b) { return vceqq_f32(a, b); }
LANE f32_m f32_not(f32_m a) { return a ^ vdupq_n_u32(~UINT32_C(0)); }
LANE f32_m f32_ne(f32_v a, f32_v b) { return f32_not(vceqq_f32(a, b)); }
LANE f32_m f32_and(f32_m a, f32_m b) { return vandq_u32(a, b); }
LANE f32_m f32_or(f32_m a, f32_m b) { return vorrq_u32(a, b); }
LANE f32_v f32_select(f32_m m, f32_v a, f32_v b) { return vbslq_f32(m, a, b); }
/* Not vmaxq and vminq: they return NaN for a NaN in either operand. */
LANE f32_v f32_max(f32_v a, f32_v b) { return f32_select(f32_gt(a, b), a, b); }
LANE f32_v f32_min(f32_v a, f32_v b) { return f32_select(f32_lt(a, b), a, b); }
LANE f32_v f32_scale(f32_v p, f32_v t)
{
    const uint32x4_t shifted = vshlq_n_u32(vreinterpretq_u32_f32(t), 23);
    return vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(p), shifted));
}
LANE f32_v f32_leading(f32_v a)
{
    return vreinterpretq_f32_u32(vshrq_n_u32(vreinterpretq_u32_f32(a), 22));
}
/* Of eight entries, those that the lowest three bits of each lane name: bytes 4i to 4i + 3 of two registers. */
LANE f32_v f32_lookup(f32_v index, const f32_t *table)
{
    const uint32x4_t i = vandq_u32(vreinterpretq_u32_f32(index), vdupq_n_u32(7));
    const uint32x4_t bytes = vmlaq_n_u32(vdupq_n_u32(0x03020100), i, 0x04040404);
    const uint8x16x2_t entries = {{vreinterpretq_u8_f32(vld1q_f32(table)),
                                   vreinterpretq_u8_f32(vld1q_f32(table + 4))}};
    return vreinterpretq_f32_u8(vqtbl2q_u8(entries, vreinterpretq_u8_u32(bytes)));
}
/* Lane i takes lane i ^ distance; the distance is a constant, a power of two. */
LANE f32_v f32_flip(f32_v v, int distance)
{
    return distance == 2 ? vextq_f32(v, v, 2) : vrev64q_f32(v);
}
LANE f32_m f32_load_mask(const unsigned char *p)
{
    uint32_t bytes;
    memcpy(&bytes, p, sizeof bytes);
    const uint32x4_t wide = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
    return vtstq_u32(wide, wide);
}

typedef float64_t f64_t;
typedef float64x2_t f64_v;
typedef uint64x2_t f64_m;
enum { f64_WIDTH = 2 };

LANE f64_v f64_set(f64_t s) { return vdupq_n_f64(s); }
LANE f64_v f64_load(const f64_t *p) { return vld1q_f64(p); }
LANE void f64_store(f64_t *p, f64_v v) { vst1q_f64(p, v); }
LANE void f64_stream(f64_t *p, f64_v v) { vst1q_f64(p, v); }
LANE f64_v f64_load_part(const f64_t *p, ptrdiff_t n)
{
    f64_t lanes[f64_WIDTH] = {0};
    memcpy(lanes, p, (size_t)n * sizeof *p);
    return vld1q_f64(lanes);
}
LANE void f64_store_part(f64_t *p, ptrdiff_t n, f64_v v)
{
    f64_t lanes[f64_WIDTH];
    vst1q_f64(lanes, v);
    memcpy(p, lanes, (size_t)n * sizeof *p);
}
LANE f64_v f64_add(f64_v a, f64_v b) { return vaddq_f64(a, b); }
LANE f64_v f64_sub(f64_v a, f64_v b) { return vsubq_f64(a, b); }
LANE f64_v f64_mul(f64_v a, f64_v b) { return vmulq_f64(a, b); }
LANE f64_v f64_div(f64_v a, f64_v b) { return vdivq_f64(a, b); }
LANE f64_v f64_fma(f64_v a, f64_v b, f64_v c) { return vfmaq_f64(c, a, b); }
LANE f64_v f64_neg(f64_v a) { return vnegq_f64(a); }
LANE f64_v f64_abs(f64_v a) { return vabsq_f64(a); }
LANE f64_v f64_nabs(f64_v a) { return vnegq_f64(vabsq_f64(a)); }
LANE f64_v f64_sqrt(f64_v a) { return vsqrtq_f64(a); }
LANE f64_v f64_copysign(f64_v a, f64_v s)
{
    return vbslq_f64(vdupq_n_u64(UINT64_C(1) << 63), s, a);
}
LANE f64_m f64_lt(f64_v a, f64_v b) { return vcltq_f64(a, b); }
LANE f64_m f64_le(f64_v a, f64_v b) { return vcleq_f64(a, b); }
LANE f64_m f64_gt(f64_v a, f64_v b) { return vcgtq_f64(a, b); }
LANE f64_m f64_ge(f64_v a, f64_v b) { return vcgeq_f64(a, b); }
LANE f64_m f64_eq(f64_v a, f64_v b) { return vceqq_f64(a, b); }
LANE f64_m f64_not(f64_m a) { return a ^ vdupq_n_u64(~UINT64_C(0)); }
LANE f64_m f64_ne(f64_v a, f64_v b) { return f64_not(vceqq_f64(a, b)); }
LANE f64_m f64_and(f64_m a, f64_m b) { return vandq_u64(a, b); }
LANE f64_m f64_or(f64_m a, f64_m b) { return vorrq_u64(a, b); }
LANE f64_v f64_select(f64_m m, f64_v a, f64_v b) { return vbslq_f64(m, a, b); }
LANE f64_v f64_max(f64_v a, f64_v b) { return f64_select(f64_gt(a, b), a, b); }
LANE f64_v f64_min(f64_v a, f64_v b) { return f64_select(f64_lt(a, b), a, b); }
LANE f64_v f64_scale(f64_v p, f64_v t)
{
    const uint64x2_t shifted = vshlq_n_u64(vreinterpretq_u64_f64(t), 52);
    return vreinterpretq_f64_u64(vaddq_u64(vreinterpretq_u64_f64(p), shifted));
}
LANE f64_v f64_leading(f64_v a)
{
    return vreinterpretq_f64_u64(vshrq_n_u64(vreinterpretq_u64_f64(a), 51));
}
/* Bytes 8i to 8i + 7 of four registers; no product of the sixteen digits carries. */
LANE f64_v f64_lookup(f64_v index, const f64_t *table)
{
    const uint64x2_t i = vandq_u64(vreinterpretq_u64_f64(index), vdupq_n_u64(7));
    const uint32x4_t both = vreinterpretq_u32_u64(vsliq_n_u64(i, i, 32));
    const uint32x4_t first = vreinterpretq_u32_u64(vdupq_n_u64(UINT64_C(0x0706050403020100)));
    const uint32x4_t bytes = vmlaq_n_u32(first, both, 0x08080808);
    const uint8x16x4_t entries = {
        {vreinterpretq_u8_f64(vld1q_f64(table)), vreinterpretq_u8_f64(vld1q_f64(table + 2)),
         vreinterpretq_u8_f64(vld1q_f64(table + 4)), vreinterpretq_u8_f64(vld1q_f64(table + 6))}};
    return vreinterpretq_f64_u8(vqtbl4q_u8(entries, vreinterpretq_u8_u32(bytes)));
}
LANE f64_v f64_flip(f64_v v, int distance)
{
    (void)distance;
    return vextq_f64(v, v, 1);
}
LANE f64_m f64_load_mask(const unsigned char *p)
{
    const uint64x2_t wide = vcombine_u64(vcreate_u64(p[0]), vcreate_u64(p[1]));
    return vtstq_u64(wide, wide);
}

/* Elements of 16 bits, which are computed as f32. */
typedef uint16_t f16_t;
typedef uint16_t bf16_t;

#include "lanes/quarters.h"

LANE float f32_one(f32_v v) { return vgetq_lane_f32(v, 0); }
LANE uint16x4_t halves_set_one(uint16_t s) { return vcreate_u16(s); }
LANE uint16_t halves_one(uint16x4_t v) { return vget_lane_u16(v, 0); }
LANE uint16x4_t halves_load(const uint16_t *p) { return vld1_u16(p); }
LANE uint16x4_t halves_load_part(const uint16_t *p, ptrdiff_t n)
{
    return vcreate_u16(quarter_load(p, n));
}
LANE void halves_store(uint16_t *p, uint16x4_t v) { vst1_u16(p, v); }
LANE void halves_stream(uint16_t *p, uint16x4_t v) { vst1_u16(p, v); }
LANE void halves_store_part(uint16_t *p, ptrdiff_t n, uint16x4_t v)
{
    quarter_store(p, n, vget_lane_u64(vreinterpret_u64_u16(v), 0));
}
LANE f32_v f16_widen(uint16x4_t v) { return vcvt_f32_f16(vreinterpret_f16_u16(v)); }
LANE uint16x4_t f16_narrow(f32_v v) { return vreinterpret_u16_f16(vcvt_f16_f32(v)); }
LANE f32_v bf16_widen(uint16x4_t v) { return vreinterpretq_f32_u32(vshll_n_u16(v, 15) << 1); }
/* A NaN is made quiet: its upper half alone may be an infinity. */
LANE uint16x4_t bf16_narrow(f32_v v)
{
    const uint32x4_t bits = vreinterpretq_u32_f32(v), upper = vshrq_n_u32(bits, 16);
    const uint32x4_t sum = bits + vdupq_n_u32(0x7FFF) + (upper & vdupq_n_u32(1));
    const uint32x4_t quiet = upper | vdupq_n_u32(0x40);
    return vmovn_u32(vbslq_u32(vceqq_f32(v, v), vshrq_n_u32(sum, 16), quiet));
}
