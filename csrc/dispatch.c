/* Which of the compiled instruction sets this processor can run. setup.py defines FASTACT_HAVE_<ISA>
   for each unit that it compiles. */
#include "fastact.h"

extern const fastact_table fastact_table_baseline, fastact_table_avx2, fastact_table_avx512,
    fastact_table_neon;

int fastact_tables(const fastact_table *tables[FASTACT_MAX_TABLES])
{
    int count = 0;
#ifdef FASTACT_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f"))
        tables[count++] = &fastact_table_avx512;
#endif
#ifdef FASTACT_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        tables[count++] = &fastact_table_avx2;
#endif
#ifdef FASTACT_HAVE_NEON
    tables[count++] = &fastact_table_neon; /* part of every 64-bit Arm */
#endif
#ifdef FASTACT_HAVE_BASELINE
    tables[count++] = &fastact_table_baseline;
#endif
    return count;
}
