/* Each entry of kernels_rows.def becomes a set of loops and an entry of the table, with the lanes included before. The
   pieces that the loops call are in kernels_rows.h; both files are emitted. What calls the loops is tile.c. */
#include <string.h>
#include "kernels_rows.h"

_Static_assert(ROW_SLOTS == FASTACT_ROW_SLOTS && f32_WIDTH <= FASTACT_MAX_WIDTH, "rows/tile.c relies on it");

/* The mask of the first n lanes starts at byte FASTACT_MAX_WIDTH - n. */
static const unsigned char fastact_first[2 * FASTACT_MAX_WIDTH] = {1, 1, 1, 1, 1, 1, 1, 1,
                                                                   1, 1, 1, 1, 1, 1, 1, 1};

/* By a power of two: the lanes whose number lacks that bit. */
static const unsigned char fastact_lacks[9][FASTACT_MAX_WIDTH] = {
    [1] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0},
    [2] = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0},
    [4] = {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0},
    [8] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
};

#define T(name) f64_##name
#include "rows/access.h"
#include "rows/accumulator.h"
#include "rows/values.h"
#include "rows/across.h"
#define E(name) f64_##name
#include "rows/columns.h"
#include "rows/pack.h"
#undef E
#undef T
#define T(name) f32_##name
#include "rows/access.h"
#include "rows/accumulator.h"
#include "rows/values.h"
#include "rows/across.h"
#define E(name) f32_##name
#include "rows/columns.h"
#include "rows/pack.h"
#undef E
#define E(name) f16_##name
#include "rows/columns.h"
#include "rows/pack.h"
#undef E
#define E(name) bf16_##name
#include "rows/columns.h"
#include "rows/pack.h"
#undef E
#undef T

/* The loops of the kernel `row`, of the pieces K_key, K_terms, ...: `row` itself or its form for default parameters.
   No kernel uses all loops; the compiler drops those that the table does not refer to. Those over elements stand
   there for each type E of elements; blocks that are `across` have elements as they are computed. */
#define LOOP __attribute__((unused)) static
#define FASTACT_ELEMENT_LOOPS(E, K, row, T)                                                        \
    LOOP void K##_##E##_max_loop(const fastact_block *b)                                           \
    {                                                                                              \
        if (sizeof(E##_t) == sizeof(T##_t) && b->across)                                           \
            T##_max_across(K##_key, row##_n_params, b);                                            \
        else                                                                                       \
            E##_max_loop(K##_key, row##_n_params, b);                                              \
    }                                                                                              \
    LOOP void K##_##E##_sum_loop(const fastact_block *b)                                           \
    {                                                                                              \
        if (sizeof(E##_t) == sizeof(T##_t) && b->across)                                           \
            T##_sum_across(K##_terms, row##_n_in, row##_n_sums, row##_counted, row##_n_params, b); \
        else                                                                                       \
            E##_sum_loop(K##_terms, row##_n_in, row##_n_sums, row##_counted, row##_n_params, b);   \
    }                                                                                              \
    LOOP void K##_##E##_fused_loop(const fastact_block *b)                                         \
    {                                                                                              \
        E##_fused_loop(K##_terms, K##_finish, K##_map, row##_n_in, row##_n_sums, row##_n_params,   \
                       row##_excluded, b);                                                         \
    }                                                                                              \
    LOOP void K##_##E##_map_loop(const fastact_block *b)                                           \
    {                                                                                              \
        if (sizeof(E##_t) == sizeof(T##_t) && b->across)                                           \
            T##_map_across(K##_map, row##_n_in, row##_n_params, b->in[0], b);                      \
        else                                                                                       \
            E##_map_loop(K##_map, row##_n_in, row##_n_params, row##_excluded, 0, b);               \
    }                                                                                              \
    LOOP void K##_##E##_stored_loop(const fastact_block *b)                                        \
    {                                                                                              \
        if (sizeof(E##_t) == sizeof(T##_t) && b->across)                                           \
            T##_map_across(K##_stored, 1, row##_n_params, b->terms, b);                            \
        else                                                                                       \
            E##_map_loop(K##_stored, 1, row##_n_params, row##_excluded, 1, b);                     \
    }

#define FASTACT_LOOPS(K, row, T)                                                                   \
    FASTACT_STORED_##T(FASTACT_ELEMENT_LOOPS, K, row, T)                                           \
    LOOP void K##_prepare_loop(const fastact_block *b)                                             \
    {                                                                                              \
        T##_prepare_loop(K##_prepare, row##_n_derived, row##_n_params, b);                         \
    }                                                                                              \
    LOOP void K##_rescale_loop(const fastact_block *b)                                             \
    {                                                                                              \
        T##_rescale_loop(K##_moved, row##_n_sums, row##_n_params, b);                              \
    }                                                                                              \
    LOOP void K##_start_loop(const fastact_block *b)                                               \
    {                                                                                              \
        T##_start_loop(K##_start, row##_n_params, b);                                              \
    }                                                                                              \
    LOOP int K##_next_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        return T##_next_loop(K##_next, row##_n_params, b);                                         \
    }                                                                                              \
    LOOP void K##_finish_loop(const fastact_block *b)                                              \
    {                                                                                              \
        T##_finish_loop(K##_finish, K##_rows, row##_n_derived, row##_n_row_out, row##_n_params, b);\
    }

/* `counted`: the sums are relative to a maximum, and the second one counts elements. */
#define FASTACT_CONSTANTS(row, statistic, in, row_out, sums, derived, params)                      \
    enum {                                                                                         \
        row##_n_in = in, row##_n_row_out = row_out, row##_n_sums = sums, row##_n_derived = derived,\
        row##_n_params = params, row##_counted = fastact_##statistic == fastact_exp_sum            \
    };

#define FASTACT_ROW_KERNEL(name, pass, T, statistic, in, row_in, out, row_out, sums, derived,      \
                           params, stored, plain)                                                  \
    _Static_assert(in <= FASTACT_MAX_INPUTS && row_in <= FASTACT_MAX_ROW_INPUTS && out <= 1        \
                   && row_out <= FASTACT_MAX_ROW_OUTPUTS && sums <= FASTACT_MAX_SUMS               \
                   && params == 1 && plain == 1                                                    \
                   && (fastact_##statistic != fastact_sums || (out == 1 && row_out == 0)),         \
                   "unsupported row kernel: " #name);                                              \
    FASTACT_CONSTANTS(row_##name##_##pass##_##T, statistic, in, row_out, sums, derived, params)    \
    FASTACT_LOOPS(row_##name##_##pass##_##T, row_##name##_##pass##_##T, T)                         \
    FASTACT_LOOPS(row_##name##_##pass##_##T##_plain, row_##name##_##pass##_##T, T)
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL

/* The loops that a statistic needs, and those that write elements. */
#define FASTACT_LOOPS_none(E, K) .max = NULL
#define FASTACT_LOOPS_sums(E, K) .sum = K##_##E##_sum_loop, .fused = K##_##E##_fused_loop
#define FASTACT_LOOPS_exp_sum(E, K)                                                                \
    .max = K##_##E##_max_loop, .prepare = K##_prepare_loop, .sum = K##_##E##_sum_loop,             \
    .rescale = K##_rescale_loop
#define FASTACT_LOOPS_solve(E, K)                                                                  \
    .max = K##_##E##_max_loop, .start = K##_start_loop, .sum = K##_##E##_sum_loop, .next = K##_next_loop
#define FASTACT_MAPS_0_0(E, K) .map = NULL
#define FASTACT_MAPS_1_0(E, K) .map = K##_##E##_map_loop
#define FASTACT_MAPS_1_1(E, K) .map = K##_##E##_map_loop, .map_stored = K##_##E##_stored_loop
#define FASTACT_FORM(E, K, statistic, out, stored)                                                 \
    {FASTACT_LOOPS_##statistic(E, K), .finish = K##_finish_loop, FASTACT_MAPS_##out##_##stored(E, K)}

/* Along the rows, elements are read where they are; the columns of packed ones are as they are computed. */
#define FASTACT_ROW_ENTRY(E, name, pass, T, statistic, in, row_in, out, row_out, sums, derived,    \
                          params, stored, plain)                                                   \
    {#name, #pass, #E, fastact_##statistic, in, row_in, out, row_out, sums, params,                \
     row_##name##_##pass##_defaults, &E##_row_type,                                                \
     {FASTACT_FORM(E, row_##name##_##pass##_##T, statistic, out, stored),                          \
      FASTACT_FORM(E, row_##name##_##pass##_##T##_plain, statistic, out, stored)},                 \
     {FASTACT_FORM(T, row_##name##_##pass##_##T, statistic, out, stored),                          \
      FASTACT_FORM(T, row_##name##_##pass##_##T##_plain, statistic, out, stored)}},

static const fastact_row_kernel fastact_row_kernels[] = {
#define FASTACT_ROW_KERNEL(name, pass, T, ...)                                                     \
    FASTACT_STORED_##T(FASTACT_ROW_ENTRY, name, pass, T, __VA_ARGS__)
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL
};
