/* The floating-point environment that the kernels require: round to nearest, gradual underflow, no traps. The caller
   may have another: a shared object linked with -ffast-math leaves flush-to-zero on. It is only written if it
   differs; status flags are ignored. */
#ifndef FASTACT_ENVIRONMENT_H
#define FASTACT_ENVIRONMENT_H

#if defined(__x86_64__)

enum { FASTACT_CONTROL = 0x1F80, FASTACT_STATUS = 0x3F };

typedef unsigned fastact_environment;

/* Sets the required environment and returns the one before. */
static inline fastact_environment fastact_enter(void)
{
    const unsigned given = __builtin_ia32_stmxcsr();
    if ((given & ~FASTACT_STATUS) != FASTACT_CONTROL)
        __builtin_ia32_ldmxcsr(FASTACT_CONTROL);
    return given;
}

static inline void fastact_leave(fastact_environment given)
{
    if ((given & ~FASTACT_STATUS) != FASTACT_CONTROL)
        __builtin_ia32_ldmxcsr(given);
}

#elif defined(__aarch64__)

#include <stdint.h>

typedef uint64_t fastact_environment;

static inline fastact_environment fastact_enter(void)
{
    uint64_t given;
    __asm__ volatile("mrs %0, fpcr" : "=r"(given));
    if (given != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)));
    return given;
}

static inline void fastact_leave(fastact_environment given)
{
    if (given != 0)
        __asm__ volatile("msr fpcr, %0" : : "r"(given));
}

#else

#include <fenv.h>

typedef fenv_t fastact_environment;

static inline fastact_environment fastact_enter(void)
{
    fenv_t given;
    fegetenv(&given);
    fesetenv(FE_DFL_ENV);
    return given;
}

static inline void fastact_leave(fastact_environment given)
{
    fesetenv(&given);
}

#endif
#endif
