/* The instruction sets of this build. setup.py writes built.def: the entries of instruction_sets.def that it
   compiles. */
#include "fastact.h"
#include "processor.h"

#define INSTRUCTION_SET(name, processor, flags, description, runs_here)                            \
    extern const fastact_table fastact_table_##name;                                               \
    static int name##_runs_here(void) { return runs_here; }
#include "built.def"
#undef INSTRUCTION_SET

const fastact_instruction_set fastact_instruction_sets[] = {
#define INSTRUCTION_SET(name, processor, flags, description, runs_here)                            \
    {#name, description, name##_runs_here, &fastact_table_##name},
#include "built.def"
    {0}};
