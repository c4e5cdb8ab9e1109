#include "fastact.h"
#include "lanes_avx2.h"
#include "loops.h"
#include "rows.h"

FASTACT_TABLE(avx2, "AVX2 and FMA");
