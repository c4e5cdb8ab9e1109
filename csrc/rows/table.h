/* Each entry of kernels_rows.def becomes a set of loops and an entry of the table, with the lanes included before. The
   pieces that the loops call are in kernels_rows.h; both files are emitted. What calls the loops is tile.c. */
#include <string.h>
#include "kernels_rows.h"

_Static_assert(ROW_SLOTS == FASTACT_ROW_SLOTS && f32_WIDTH <= FASTACT_MAX_WIDTH, "rows/tile.c relies on it");

/* What a loop must know of its kernel: constants, once it is inlined. */
typedef struct {
    int n_in, n_row_out, n_sums, n_derived, n_params;
    int counted;     /* the sums are relative to a maximum, and the second one counts elements */
    double excluded; /* the result for a masked element */
} fastact_row_shape;

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

#define T(name) f32_##name
#include "rows/access.h"
#include "rows/accumulator.h"
#include "rows/values.h"
#include "rows/columns.h"
#include "rows/across.h"
#include "rows/pack.h"
#undef T
#define T(name) f64_##name
#include "rows/access.h"
#include "rows/accumulator.h"
#include "rows/values.h"
#include "rows/columns.h"
#include "rows/across.h"
#include "rows/pack.h"
#undef T

/* The loops of one kernel K, of the pieces whose names begin with it. No kernel uses all of them; the compiler drops
   those that the table does not refer to. */
#define LOOP __attribute__((unused)) static
#define FASTACT_LOOPS(K, T, shape)                                                                 \
    LOOP void K##_max_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_max_across(K##_key, shape, b);                                                     \
        else                                                                                       \
            T##_max_loop(K##_key, shape, b);                                                       \
    }                                                                                              \
    LOOP void K##_sum_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_sum_across(K##_terms, shape, b);                                                   \
        else                                                                                       \
            T##_sum_loop(K##_terms, shape, b);                                                     \
    }                                                                                              \
    LOOP void K##_prepare_loop(const fastact_block *b) { T##_prepare_loop(K##_prepare, shape, b); } \
    LOOP void K##_rescale_loop(const fastact_block *b) { T##_rescale_loop(K##_moved, shape, b); }  \
    LOOP void K##_start_loop(const fastact_block *b) { T##_start_loop(K##_start, shape, b); }      \
    LOOP int K##_next_loop(const fastact_block *b) { return T##_next_loop(K##_next, shape, b); }   \
    LOOP void K##_finish_loop(const fastact_block *b)                                              \
    {                                                                                              \
        T##_finish_loop(K##_finish, K##_rows, shape, b);                                           \
    }                                                                                              \
    LOOP void K##_fused_loop(const fastact_block *b)                                               \
    {                                                                                              \
        T##_fused_loop(K##_terms, K##_finish, K##_map, shape, b);                                  \
    }                                                                                              \
    LOOP void K##_map_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_map_across(K##_map, shape, b->in[0], b);                                           \
        else                                                                                       \
            T##_map_loop(K##_map, shape, b->in[0], b->in_step, b);                                 \
    }                                                                                              \
    LOOP void K##_stored_loop(const fastact_block *b)                                              \
    {                                                                                              \
        fastact_row_shape stored = shape;                                                          \
        stored.n_in = 1;                                                                           \
        if (b->across)                                                                             \
            T##_map_across(K##_stored, stored, b->terms, b);                                       \
        else                                                                                       \
            T##_map_loop(K##_stored, stored, b->terms, b->terms_step, b);                          \
    }

#define FASTACT_ROW_KERNEL(name, pass, T, statistic, in, row_in, out, row_out, sums, derived,      \
                           params, stored, plain)                                                  \
    _Static_assert(in <= FASTACT_MAX_INPUTS && row_in <= FASTACT_MAX_ROW_INPUTS && out <= 1        \
                   && row_out <= FASTACT_MAX_ROW_OUTPUTS && sums <= FASTACT_MAX_SUMS               \
                   && params == 1 && plain == 1                                                    \
                   && (fastact_##statistic != fastact_sums || (out == 1 && row_out == 0)),         \
                   "unsupported row kernel: " #name);                                              \
    LANE fastact_row_shape row_##name##_##pass##_##T##_shape(void)                                 \
    {                                                                                              \
        return (fastact_row_shape){                                                                \
            .n_in = in, .n_row_out = row_out, .n_sums = sums, .n_derived = derived,                \
            .n_params = params, .counted = fastact_##statistic == fastact_exp_sum,                 \
            .excluded = row_##name##_##pass##_##T##_excluded};                                     \
    }                                                                                              \
    FASTACT_LOOPS(row_##name##_##pass##_##T, T, row_##name##_##pass##_##T##_shape())               \
    FASTACT_LOOPS(row_##name##_##pass##_##T##_plain, T, row_##name##_##pass##_##T##_shape())
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL

/* The loops that a statistic needs, and those that write elements. */
#define FASTACT_LOOPS_none(K) .max = NULL
#define FASTACT_LOOPS_sums(K) .sum = K##_sum_loop, .fused = K##_fused_loop
#define FASTACT_LOOPS_exp_sum(K)                                                                   \
    .max = K##_max_loop, .prepare = K##_prepare_loop, .sum = K##_sum_loop,                         \
    .rescale = K##_rescale_loop
#define FASTACT_LOOPS_solve(K)                                                                     \
    .max = K##_max_loop, .start = K##_start_loop, .sum = K##_sum_loop, .next = K##_next_loop
#define FASTACT_MAPS_0_0(K) .map = NULL
#define FASTACT_MAPS_1_0(K) .map = K##_map_loop
#define FASTACT_MAPS_1_1(K) .map = K##_map_loop, .map_stored = K##_stored_loop
#define FASTACT_FORM(K, statistic, out, stored)                                                    \
    {FASTACT_LOOPS_##statistic(K), .finish = K##_finish_loop, FASTACT_MAPS_##out##_##stored(K)}

static const fastact_row_kernel fastact_row_kernels[] = {
#define FASTACT_ROW_KERNEL(name, pass, T, statistic, in, row_in, out, row_out, sums, derived,      \
                           params, stored, plain)                                                  \
    {#name, #pass, #T, fastact_##statistic, in, row_in, out, row_out, sums, params,                \
     row_##name##_##pass##_defaults, &T##_row_type,                                                \
     {FASTACT_FORM(row_##name##_##pass##_##T, statistic, out, stored),                             \
      FASTACT_FORM(row_##name##_##pass##_##T##_plain, statistic, out, stored)}},
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL
};
