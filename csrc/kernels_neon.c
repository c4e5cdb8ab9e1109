#include "fastact.h"
#include "lanes_neon.h"
#include "loops.h"

FASTACT_TABLE(neon, "NEON");
