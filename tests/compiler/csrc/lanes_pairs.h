/* The checks of one element type. The primitive is outermost: the order is the same at every width. */

static const T(t) T(special)[COUNT] = {
    0, -0.0, 1, -1, 2.5, -2.5, 3, 5, 0.5, 1.5, 64, -127, 8388609, 1 / (T(t))3, 1e-7, -1e-7, 1e7, -1e7,
    1e-30, -1e30, INFINITY, -INFINITY, NAN, -NAN, LARGEST, -LARGEST, SMALLEST, -SMALLEST,
    SMALLEST / 8, -SMALLEST / 8, SMALLEST * (T(t))1.5, 1 - SMALLEST};

#define PAIRS(result)                                                                              \
    for (int i = 0; i < COUNT; i++)                                                                \
        for (int j = 0; j < COUNT; j += T(WIDTH)) {                                                \
            const T(v) a = T(set)(T(special)[i]), b = T(load)(T(special) + j);                     \
            T(t) lanes[T(WIDTH)];                                                                  \
            (void)a, (void)b;                                                                      \
            T(store)(lanes, result);                                                               \
            fwrite(lanes, sizeof *lanes, T(WIDTH), stdout);                                        \
        }
#define MASKS(mask) PAIRS(T(select)(mask, T(set)(1), T(set)(0)))

static void T(pairs)(void)
{
    const T(v) one = T(set)(1);
    PAIRS(T(add)(a, b))
    PAIRS(T(sub)(a, b))
    PAIRS(T(mul)(a, b))
    PAIRS(T(div)(a, b))
    PAIRS(T(fma)(a, b, one))
    PAIRS(T(fma)(a, b, a))
    PAIRS(T(fma)(T(neg)(a), b, one))
    PAIRS(T(fma)(a, b, T(neg)(b)))
    PAIRS(T(neg)(b))
    PAIRS(T(abs)(b))
    PAIRS(T(sqrt)(b))
    PAIRS(T(copysign)(a, b))
    PAIRS(T(max)(a, b))
    PAIRS(T(min)(a, b))
    PAIRS(T(scale)(a, T(add)(b, T(set)(ROUNDER))))
    PAIRS(T(leading)(b))
    PAIRS(T(lookup)(T(leading)(b), T(special) + 4))
    PAIRS(T(lookup)(T(add)(T(add)(a, b), T(set)(ROUNDER)), T(special) + 4))
    PAIRS(T(select)(T(lt)(a, b), a, b))
    MASKS(T(lt)(a, b))
    MASKS(T(le)(a, b))
    MASKS(T(gt)(a, b))
    MASKS(T(ge)(a, b))
    MASKS(T(eq)(a, b))
    MASKS(T(ne)(a, b))
    MASKS(T(not)(T(lt)(a, b)))
    MASKS(T(and)(T(lt)(a, b), T(gt)(b, one)))
    MASKS(T(or)(T(lt)(a, b), T(gt)(b, one)))
}

/* Stores of every size: what is beyond must come out as it was. */
static void T(parts)(void)
{
    for (int n = 1; n <= COUNT; n++) {
        _Alignas(FASTACT_ALIGNMENT) T(t) copy[COUNT];
        for (int i = 0; i < COUNT; i++)
            copy[i] = 7;
        for (int i = 0; i < n; i += T(WIDTH))
            if (n - i < T(WIDTH))
                T(store_part)(copy + i, n - i, T(load_part)(T(special) + i, n - i));
            else if (n % 2)
                T(store)(copy + i, T(load)(T(special) + i));
            else
                T(stream)(copy + i, T(load)(T(special) + i));
        fwrite(copy, sizeof *copy, COUNT, stdout);
    }
}

#undef PAIRS
#undef MASKS
