#include "fastact.h"
#include "lanes_neon.h"
#include "loops.h"
#include "rows.h"

FASTACT_TABLE(neon, "NEON");
