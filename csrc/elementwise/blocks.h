/* The loop of kernels whose elements have 16 bits, whose prefix E() adds, by way of the loop of float32: block by block,
   through memory that stays in the first-level cache.

   To emit a loop for each of these types doubles the extension and the time to build it. It gains 10 % in silu, of
   float16; kernels that only move memory or are about as cheap take half the time that way, and have such loops. */

enum { E(MEMORY) = 4096 }; /* floats on the stack, of which a thread may have as little as 128 KiB */

/* `ordered`: else two vectors may be in the order in which they are loaded together. */
LANE void E(widen_block)(const E(t) *from, float *to, ptrdiff_t count, int ordered)
{
    ptrdiff_t i = 0;
    for (; !ordered && count - i >= 2 * f32_WIDTH; i += 2 * f32_WIDTH) {
        f32_v two[2];
        E(load_two)(from + i, two);
        f32_store(to + i, two[0]);
        f32_store(to + i + f32_WIDTH, two[1]);
    }
    E(widen_all)(from + i, to + i, count - i);
}

LANE void E(narrow_block)(const float *from, E(t) *to, ptrdiff_t count, int ordered, int non_temporal)
{
    ptrdiff_t i = 0;
    for (; !ordered && count - i >= 2 * f32_WIDTH; i += 2 * f32_WIDTH) {
        const f32_v two[2] = {f32_load(from + i), f32_load(from + i + f32_WIDTH)};
        if (non_temporal)
            E(stream_two)(to + i, two);
        else
            E(store_two)(to + i, two);
    }
    E(narrow_all)(from + i, to + i, count - i);
}

/* A result takes the place of the input of its number. */
static void E(in_blocks)(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end, fastact_loop loop,
                         int n_in, int n_out, int n_params)
{
    float memory[E(MEMORY)] __attribute__((aligned(FASTACT_ALIGNMENT)));
    fastact_call block = *call;
    float *param[FASTACT_MAX_PARAMS];
    int buffers = n_in > n_out ? n_in : n_out;
    for (int k = 0; k < n_params; k++)
        buffers += call->param_array[k] != NULL;
    const ptrdiff_t size = E(MEMORY) / buffers / 64 * 64;
    float *next = memory + (n_in > n_out ? n_in : n_out) * size;
    for (int k = 0; k < n_params; k++)
        if (call->param_array[k] != NULL) {
            block.param_array[k] = param[k] = next;
            next += size;
        }
    block.non_temporal = block.wide = 0;
    for (; begin < end; begin += size) {
        const ptrdiff_t count = end - begin < size ? end - begin : size;
        for (int k = 0; k < n_in; k++) {
            block.in[k] = memory + k * size;
            E(widen_block)((const E(t) *)call->in[k] + begin, memory + k * size, count, call->wide);
        }
        for (int k = 0; k < n_params; k++)
            if (call->param_array[k] != NULL)
                E(widen_block)((const E(t) *)call->param_array[k] + begin, param[k], count, call->wide);
        for (int k = 0; k < n_out; k++)
            block.out[k] = call->wide && k == 0 ? (float *)call->out[0] + begin : memory + k * size;
        loop(&block, 0, count);
        for (int k = call->wide; k < n_out; k++)
            E(narrow_block)(memory + k * size, (E(t) *)call->out[k] + begin, count, call->wide, call->non_temporal);
    }
}
