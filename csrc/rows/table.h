/* Every row of kernels_rows.def becomes a set of loops and a row of the table, for the lanes that the
   including translation unit has chosen. What drives them is rows.c. */
#include <string.h>
#include "kernels_rows.h"

_Static_assert(ROW_SLOTS == FASTACT_ROW_SLOTS && f32_WIDTH <= FASTACT_MAX_WIDTH, "rows.c relies on it");

/* FASTACT_MAX_WIDTH - n bytes in starts the mask of n lanes. */
static const unsigned char fastact_first[2 * FASTACT_MAX_WIDTH] = {1, 1, 1, 1, 1, 1, 1, 1,
                                                                   1, 1, 1, 1, 1, 1, 1, 1};

/* By a power of two: whether the number of each lane lacks it. */
static const unsigned char fastact_lacks[9][FASTACT_MAX_WIDTH] = {
    [1] = {1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0},
    [2] = {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0},
    [4] = {1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0},
    [8] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
};

#define T(name) f32_##name
#include "row.h"
#include "row_values.h"
#include "row_across.h"
#include "row_lanes.h"
#undef T
#define T(name) f64_##name
#include "row.h"
#include "row_values.h"
#include "row_across.h"
#include "row_lanes.h"
#undef T

/* Which loops a statistic needs; the others are never referred to, and the compiler drops them. */
#define FASTACT_LOOPS_none(K) .max = NULL
#define FASTACT_LOOPS_sums(K) .sum = K##_sum_loop, .row = K##_row_loop
#define FASTACT_LOOPS_exp_sum(K)                                                                   \
    .max = K##_max_loop, .prepare = K##_prepare_loop, .sum = K##_sum_loop, .move = K##_move_loop
#define FASTACT_LOOPS_solve(K)                                                                     \
    .max = K##_max_loop, .start = K##_start_loop, .sum = K##_sum_loop, .next = K##_next_loop

/* Not every kernel uses every loop. */
#define LOOP __attribute__((unused)) static

/* The loops of one kernel K, of the pieces whose names begin with it. */
#define FASTACT_LOOPS(K, T, n_in, n_row_out, n_sums, counted, n_derived, n_params, excluded)       \
    LOOP void K##_max_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_max_across(K##_key, n_params, b);                                                  \
        else                                                                                       \
            T##_max_loop(K##_key, n_params, b);                                                    \
    }                                                                                              \
    LOOP void K##_sum_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_sum_across(K##_terms, n_in, n_sums, counted, n_params, b);                         \
        else                                                                                       \
            T##_sum_loop(K##_terms, n_in, n_sums, counted, n_params, b);                           \
    }                                                                                              \
    LOOP void K##_prepare_loop(const fastact_block *b)                                             \
    {                                                                                              \
        T##_prepare_loop(K##_prepare, n_derived, n_params, b);                                     \
    }                                                                                              \
    LOOP void K##_move_loop(const fastact_block *b)                                                \
    {                                                                                              \
        T##_move_loop(K##_moved, n_sums, n_params, b);                                             \
    }                                                                                              \
    LOOP void K##_start_loop(const fastact_block *b) { T##_start_loop(K##_start, n_params, b); }   \
    LOOP int K##_next_loop(const fastact_block *b) { return T##_next_loop(K##_next, n_params, b); } \
    LOOP void K##_finish_loop(const fastact_block *b)                                              \
    {                                                                                              \
        T##_finish_loop(K##_finish, K##_rows, n_derived, n_row_out, n_params, b);                  \
    }                                                                                              \
    LOOP void K##_row_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        T##_row_loop(K##_terms, K##_finish, K##_map, n_in, n_sums, n_params, excluded, b);         \
    }                                                                                              \
    LOOP void K##_map_loop(const fastact_block *b)                                                 \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_map_across(K##_map, n_in, n_params, b->in[0], b);                                  \
        else                                                                                       \
            T##_map_loop(K##_map, n_in, n_params, excluded, b->in[0], b->in_step, b);              \
    }                                                                                              \
    LOOP void K##_stored_loop(const fastact_block *b)                                              \
    {                                                                                              \
        if (b->across)                                                                             \
            T##_map_across(K##_stored, 1, n_params, b->terms, b);                                  \
        else                                                                                       \
            T##_map_loop(K##_stored, 1, n_params, excluded, b->terms, b->terms_step, b);           \
    }

#define FASTACT_ROW_KERNEL(name, pass, T, statistic, n_in, n_row_in, n_out, n_row_out, n_sums,     \
                           n_derived, n_params, stored, plain)                                     \
    _Static_assert(n_in <= FASTACT_MAX_INPUTS && n_row_in <= FASTACT_MAX_ROW_INPUTS && n_out <= 1  \
                   && n_row_out <= FASTACT_MAX_ROW_OUTPUTS && n_sums <= FASTACT_MAX_SUMS           \
                   && n_params == 1 && plain == 1                                                  \
                   && (fastact_##statistic != fastact_sums || (n_out == 1 && n_row_out == 0)),     \
                   "not foreseen: " #name);                                                        \
    FASTACT_LOOPS(row_##name##_##pass##_##T, T, n_in, n_row_out, n_sums,                           \
                  fastact_##statistic == fastact_exp_sum, n_derived, n_params,                     \
                  row_##name##_##pass##_##T##_excluded)                                            \
    FASTACT_LOOPS(row_##name##_##pass##_##T##_plain, T, n_in, n_row_out, n_sums,                   \
                  fastact_##statistic == fastact_exp_sum, n_derived, n_params,                     \
                  row_##name##_##pass##_##T##_excluded)
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL

#define FASTACT_MAPS_0_0(K) .map = NULL
#define FASTACT_MAPS_1_0(K) .map = K##_map_loop
#define FASTACT_MAPS_1_1(K) .map = K##_map_loop, .map_stored = K##_stored_loop

static const fastact_row_kernel fastact_row_kernels[] = {
#define FASTACT_ROW_KERNEL(name, pass, T, statistic, n_in, n_row_in, n_out, n_row_out, n_sums,     \
                           n_derived, n_params, stored, plain)                                     \
    {#name, #pass, #T, fastact_##statistic, n_in, n_row_in, n_out, n_row_out, n_sums, n_params,    \
     row_##name##_##pass##_defaults, &T##_row_lanes,                                               \
     {{FASTACT_LOOPS_##statistic(row_##name##_##pass##_##T),                                       \
       .finish = row_##name##_##pass##_##T##_finish_loop,                                          \
       FASTACT_MAPS_##n_out##_##stored(row_##name##_##pass##_##T)},                                \
      {FASTACT_LOOPS_##statistic(row_##name##_##pass##_##T##_plain),                               \
       .finish = row_##name##_##pass##_##T##_plain_finish_loop,                                    \
       FASTACT_MAPS_##n_out##_##stored(row_##name##_##pass##_##T##_plain)}}},
#include "kernels_rows.def"
#undef FASTACT_ROW_KERNEL
};
