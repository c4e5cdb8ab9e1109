#include "fastact.h"
#include "lanes_baseline.h"
#include "loops.h"
#include "rows.h"

FASTACT_TABLE(baseline, "portable C, one lane");
