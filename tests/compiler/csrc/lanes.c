/* Writes what every lane primitive gives for every pair of special values, for a test to compare. */
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "fastact.h"
#include LANES

enum { COUNT = 32 }; /* a multiple of every width */

#define T(name) f32_##name
#define LARGEST FLT_MAX
#define SMALLEST FLT_MIN
#define ROUNDER 0x1.8p23f
#include "lanes_pairs.h"
#undef T
#undef LARGEST
#undef SMALLEST
#undef ROUNDER
#define T(name) f64_##name
#define LARGEST DBL_MAX
#define SMALLEST DBL_MIN
#define ROUNDER 0x1.8p52
#include "lanes_pairs.h"

int main(void)
{
    f32_parts();
    f32_pairs();
    f64_parts();
    f64_pairs();
    return 0;
}
