/* All kernels for one instruction set. This file is compiled once for each, with LANES its file in lanes/ and TABLE
   fastact_table_NAME. */
#include "fastact.h"
#include LANES
#include "elementwise/table.h"
#include "rows/table.h"

const fastact_table TABLE = {
    fastact_kernels, sizeof fastact_kernels / sizeof *fastact_kernels,
    fastact_row_kernels, sizeof fastact_row_kernels / sizeof *fastact_row_kernels,
    f16_widen_all, f16_narrow_all, bf16_widen_all, bf16_narrow_all};
