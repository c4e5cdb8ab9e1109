/* What an x86-64 processor and its operating system can run. Not __builtin_cpu_supports: older clangs do not know
   "f16c", and with Microsoft's linker the function that it calls is missing. */
#ifndef FASTACT_PROCESSOR_H
#define FASTACT_PROCESSOR_H

#if defined(__x86_64__)
#include <cpuid.h>

/* The registers that the system saves: 6 are those of AVX, 0xE6 those of AVX-512. */
static inline int has_registers(unsigned needed)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a & needed) == needed;
}

static inline int has_avx2(void)
{
    unsigned a, b, c, d;
    const unsigned needed = bit_AVX | bit_FMA | bit_F16C;
    if (!has_registers(6) || !__get_cpuid(1, &a, &b, &c, &d) || (c & needed) != needed)
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX2);
}

static inline int has_avx512(void)
{
    unsigned a, b, c, d;
    return has_registers(0xE6) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F);
}
#endif

#endif
