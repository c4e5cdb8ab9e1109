/* Each entry of kernels.def becomes a loop and an entry of the table, with the lanes included before. The bodies are
   in kernels.h; both files are emitted. */
#include <math.h>
#include "kernels.h"

#include "lanes/halves.h"

#define T(name) f32_##name
#include "elementwise/compute.h"
#define E(name) f32_##name
#include "elementwise/loop.h"
#undef E
#define E(name) f16_##name
#include "elementwise/loop.h"
#include "elementwise/blocks.h"
#undef E
#define E(name) bf16_##name
#include "elementwise/loop.h"
#include "elementwise/blocks.h"
#undef E
#undef T
#define T(name) f64_##name
#include "elementwise/compute.h"
#define E(name) f64_##name
#include "elementwise/loop.h"
#undef E
#undef T

/* The types of elements that are computed in each type. */
#define FASTACT_STORED_f32(X, ...) X(f32, __VA_ARGS__) X(f16, __VA_ARGS__) X(bf16, __VA_ARGS__)
#define FASTACT_STORED_f64(X, ...) X(f64, __VA_ARGS__)

/* Cheap bodies are unrolled four times: 2,048 float32 in cache take 0.6 (AVX2) and 0.75 (AVX-512) of the time in
   relu, 0.8 and 0.9 in hard_swish. The others are emitted for pairs of vectors: emit_c.py has the same list. With one
   lane a pair saves nothing, and with its three copies of each body the object would be 9 MB instead of 4. */
#define FASTACT_UNROLLED_move 1
#define FASTACT_UNROLLED_cheap 1
#define FASTACT_UNROLLED_exp 0
#define FASTACT_UNROLLED_heavy 0
#define FASTACT_PAIR_move(body) NULL
#define FASTACT_PAIR_cheap(body) NULL
#ifdef FASTACT_ONE_LANE
#define FASTACT_PAIR_exp(body) NULL
#define FASTACT_PAIR_heavy(body) NULL
#else
#define FASTACT_PAIR_exp(body) body##_pair
#define FASTACT_PAIR_heavy(body) body##_pair
#endif

/* The body for the default parameters, if one is emitted. */
#define FASTACT_PLAIN_0(name, cost) name, FASTACT_PAIR_##cost(name), FASTACT_UNROLLED_##cost
#define FASTACT_PLAIN_1(name, cost)                                                                \
    name##_plain, FASTACT_PAIR_##cost(name##_plain), FASTACT_UNROLLED_##cost

LANE int are_defaults(const double *params, const double *defaults, int count)
{
    for (int k = 0; k < count; k++)
        if (params[k] != defaults[k])
            return 0;
    return 1;
}

#define FASTACT_LOOP(E, name, pass, T, n_in, n_out, n_params, cost, plain)                         \
    static void name##_##pass##_##E##_loop(const fastact_call *call, ptrdiff_t begin,              \
                                           ptrdiff_t end)                                          \
    {                                                                                              \
        _Static_assert(n_in <= FASTACT_MAX_INPUTS && n_out <= FASTACT_MAX_OUTPUTS                  \
                       && n_params <= FASTACT_MAX_PARAMS, "too many operands: " #name);            \
        const E##_data data = {call->non_temporal,                                                 \
                                call->wide,                                                        \
                                {call->in[0], call->in[1], call->in[2], call->in[3]},              \
                                {call->out[0], call->out[1], call->out[2]}};                       \
        int arrays = 0;                                                                            \
        for (int k = 0; k < n_params; k++)                                                         \
            arrays |= call->param_array[k] != NULL;                                                \
        if (n_params > 0 && arrays)                                                                \
            E##_array_loop(name##_##pass##_##T, n_in, n_out, n_params, call, &data, begin, end);   \
        else if (plain && are_defaults(call->param, name##_defaults, n_params))                    \
            E##_scalar_loop(FASTACT_PLAIN_##plain(name##_##pass##_##T, cost), n_in, n_out,         \
                            n_params, call, &data, begin, end);                                    \
        else                                                                                       \
            E##_scalar_loop(FASTACT_PLAIN_0(name##_##pass##_##T, cost), n_in, n_out, n_params,     \
                            call, &data, begin, end);                                              \
    }
#define FASTACT_IN_BLOCKS(E, name, pass, T, n_in, n_out, n_params, cost, plain)                    \
    static void name##_##pass##_##E##_loop(const fastact_call *call, ptrdiff_t begin,              \
                                           ptrdiff_t end)                                          \
    {                                                                                              \
        E##_in_blocks(call, begin, end, name##_##pass##_##T##_loop, n_in, n_out, n_params);        \
    }

/* How elements of 16 bits are computed, by the cost of the kernel. */
#define FASTACT_HALF_move FASTACT_LOOP
#define FASTACT_HALF_cheap FASTACT_LOOP
#define FASTACT_HALF_exp FASTACT_IN_BLOCKS
#define FASTACT_HALF_heavy FASTACT_IN_BLOCKS
#define FASTACT_LOOPS_f64(half, ...) FASTACT_LOOP(f64, __VA_ARGS__)
#define FASTACT_LOOPS_f32(half, ...)                                                               \
    FASTACT_LOOP(f32, __VA_ARGS__) half(f16, __VA_ARGS__) half(bf16, __VA_ARGS__)

#define FASTACT_KERNEL(name, pass, T, n_in, n_out, n_params, cost, plain)                          \
    FASTACT_LOOPS_##T(FASTACT_HALF_##cost, name, pass, T, n_in, n_out, n_params, cost, plain)
#include "kernels.def"
#undef FASTACT_KERNEL

#define FASTACT_ENTRY(E, name, pass, T, n_in, n_out, n_params, cost, plain)                        \
    {#name, #pass, #E, sizeof(E##_t), n_in, n_out, n_params, fastact_##cost,                       \
     name##_##pass##_##E##_loop, T##_sum},

static const fastact_kernel fastact_kernels[] = {
#define FASTACT_KERNEL(name, pass, T, ...) FASTACT_STORED_##T(FASTACT_ENTRY, name, pass, T, __VA_ARGS__)
#include "kernels.def"
#undef FASTACT_KERNEL
};
