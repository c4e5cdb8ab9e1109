#include "fastact.h"
#include "lanes_avx512.h"
#include "loops.h"
#include "rows.h"

FASTACT_TABLE(avx512, "AVX-512F");
