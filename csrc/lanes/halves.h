/* Loads and stores of 16-bit elements, from the conversions of the lanes included before; conversions of whole arrays. */
#define FASTACT_HALVES(E)                                                                          \
    LANE f32_v E##_load(const E##_t *p) { return E##_widen(halves_load(p)); }                      \
    LANE f32_v E##_load_part(const E##_t *p, ptrdiff_t n)                                          \
    {                                                                                              \
        return E##_widen(halves_load_part(p, n));                                                  \
    }                                                                                              \
    LANE void E##_store(E##_t *p, f32_v v) { halves_store(p, E##_narrow(v)); }                     \
    LANE void E##_stream(E##_t *p, f32_v v) { halves_stream(p, E##_narrow(v)); }                   \
    LANE void E##_store_part(E##_t *p, ptrdiff_t n, f32_v v)                                       \
    {                                                                                              \
        halves_store_part(p, n, E##_narrow(v));                                                    \
    }                                                                                              \
    LANE f32_v E##_load_some(const E##_t *p, ptrdiff_t n)                                          \
    {                                                                                              \
        return n >= f32_WIDTH ? E##_load(p) : E##_load_part(p, n);                                 \
    }                                                                                              \
    LANE void E##_store_some(E##_t *p, ptrdiff_t n, f32_v v)                                       \
    {                                                                                              \
        if (n >= f32_WIDTH)                                                                        \
            E##_store(p, v);                                                                       \
        else                                                                                       \
            E##_store_part(p, n, v);                                                               \
    }                                                                                              \
    LANE float E##_load_one(const E##_t *p) { return f32_one(E##_widen(halves_set_one(*p))); }     \
    LANE void E##_store_one(E##_t *p, float s) { *p = halves_one(E##_narrow(f32_set(s))); }        \
    static void E##_widen_all(const void *from, void *to, ptrdiff_t count)                         \
    {                                                                                              \
        const E##_t *x = from;                                                                     \
        float *y = to;                                                                             \
        ptrdiff_t i = 0;                                                                           \
        for (; count - i >= f32_WIDTH; i += f32_WIDTH)                                             \
            f32_store(y + i, E##_load(x + i));                                                     \
        if (i < count)                                                                             \
            f32_store_part(y + i, count - i, E##_load_part(x + i, count - i));                     \
    }                                                                                              \
    static void E##_narrow_all(const void *from, void *to, ptrdiff_t count)                        \
    {                                                                                              \
        const float *x = from;                                                                     \
        E##_t *y = to;                                                                             \
        ptrdiff_t i = 0;                                                                           \
        for (; count - i >= f32_WIDTH; i += f32_WIDTH)                                             \
            E##_store(y + i, f32_load(x + i));                                                     \
        if (i < count)                                                                             \
            E##_store_part(y + i, count - i, f32_load_part(x + i, count - i));                     \
    }

FASTACT_HALVES(f16)
FASTACT_HALVES(bf16)
#undef FASTACT_HALVES

/* Two vectors side by side: which elements are in which, loads and stores agree upon. */
#define FASTACT_TWO(E, T)                                                                          \
    LANE void E##_load_two(const E##_t *p, T##_v *two)                                             \
    {                                                                                              \
        two[0] = E##_load(p);                                                                      \
        two[1] = E##_load(p + T##_WIDTH);                                                          \
    }                                                                                              \
    LANE void E##_store_two(E##_t *p, const T##_v *two)                                            \
    {                                                                                              \
        E##_store(p, two[0]);                                                                      \
        E##_store(p + T##_WIDTH, two[1]);                                                          \
    }                                                                                              \
    LANE void E##_stream_two(E##_t *p, const T##_v *two)                                           \
    {                                                                                              \
        E##_stream(p, two[0]);                                                                     \
        E##_stream(p + T##_WIDTH, two[1]);                                                         \
    }

FASTACT_TWO(f32, f32)
FASTACT_TWO(f64, f64)
FASTACT_TWO(f16, f32)
#ifndef BF16_HAS_TWO
FASTACT_TWO(bf16, f32)
#endif
#undef FASTACT_TWO
