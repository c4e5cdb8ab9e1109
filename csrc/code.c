/* The loop of kernels that another compiler made: elements reach their code in memory of its own where
   it would write past the cache, or would have to take them one by one. */
#include <stdint.h>
#include <string.h>

#include "fastact.h"

#if defined(__x86_64__) || defined(__SSE2__)
#include <emmintrin.h>
#define HAVE_STREAMS 1
#endif

/* A streamed output stays in the first-level cache on its way. */
enum { BLOCK_BYTES = 8192 };

typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out[FASTACT_MAX_OUTPUTS];
    const void *param_array[FASTACT_MAX_PARAMS];
} operands;

static operands operands_from(const fastact_code *code, const fastact_call *call, ptrdiff_t begin)
{
    operands o;
    for (int k = 0; k < code->n_in; k++)
        o.in[k] = (const char *)call->in[k] + begin * code->item;
    for (int k = 0; k < code->n_out; k++)
        o.out[k] = (char *)call->out[k] + begin * code->item;
    for (int k = 0; k < code->n_params; k++)
        o.param_array[k] = call->param_array[k] == NULL
                               ? NULL
                               : (const char *)call->param_array[k] + begin * code->item;
    return o;
}

static void enter(const fastact_code *code, const fastact_call *call, const operands *o,
                  ptrdiff_t count)
{
    void *result = NULL, *error = NULL;
    code->entry(&result, &error, code->address, o->in, o->out, call->param, o->param_array, count);
}

static const void *padded(void *block, const void *from, ptrdiff_t bytes, ptrdiff_t whole)
{
    memcpy(block, from, (size_t)bytes);
    memset((char *)block + bytes, 0, (size_t)(whole - bytes));
    return block;
}

/* Less than a group, as a whole one. */
static void run_rest(const fastact_code *code, const fastact_call *call, operands o, ptrdiff_t count)
{
    _Alignas(FASTACT_ALIGNMENT) char in[FASTACT_MAX_INPUTS][FASTACT_GROUP_BYTES];
    _Alignas(FASTACT_ALIGNMENT) char param[FASTACT_MAX_PARAMS][FASTACT_GROUP_BYTES];
    _Alignas(FASTACT_ALIGNMENT) char out[FASTACT_MAX_OUTPUTS][FASTACT_GROUP_BYTES];
    void *target[FASTACT_MAX_OUTPUTS];
    const ptrdiff_t bytes = count * code->item, whole = code->group * code->item;
    for (int k = 0; k < code->n_in; k++)
        o.in[k] = padded(in[k], o.in[k], bytes, whole);
    for (int k = 0; k < code->n_params; k++)
        if (o.param_array[k] != NULL)
            o.param_array[k] = padded(param[k], o.param_array[k], bytes, whole);
    for (int k = 0; k < code->n_out; k++) {
        target[k] = o.out[k];
        o.out[k] = out[k];
    }
    enter(code, call, &o, code->group);
    for (int k = 0; k < code->n_out; k++)
        memcpy(target[k], out[k], (size_t)bytes);
}

static void run_stored(const fastact_code *code, const fastact_call *call, ptrdiff_t begin,
                       ptrdiff_t end)
{
    const ptrdiff_t rest = (end - begin) % code->group, last = end - rest;
    if (last > begin) {
        const operands o = operands_from(code, call, begin);
        enter(code, call, &o, last - begin);
    }
    if (rest > 0)
        run_rest(code, call, operands_from(code, call, last), rest);
}

/* Whole cache lines between aligned addresses. */
static void copy_past_cache(void *to, const void *from, ptrdiff_t bytes)
{
#ifdef HAVE_STREAMS
    for (ptrdiff_t i = 0; i < bytes; i += 16)
        _mm_stream_si128((__m128i *)((char *)to + i),
                         _mm_load_si128((const __m128i *)((const char *)from + i)));
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

static void run_streamed(const fastact_code *code, const fastact_call *call, ptrdiff_t begin,
                         ptrdiff_t end)
{
    _Alignas(FASTACT_ALIGNMENT) char block[FASTACT_MAX_OUTPUTS][BLOCK_BYTES];
    const ptrdiff_t length = BLOCK_BYTES / code->item;
    for (; end - begin >= length; begin += length) {
        operands o = operands_from(code, call, begin);
        for (int k = 0; k < code->n_out; k++)
            o.out[k] = block[k];
        enter(code, call, &o, length);
        for (int k = 0; k < code->n_out; k++)
            copy_past_cache((char *)call->out[k] + begin * code->item, block[k], BLOCK_BYTES);
    }
    run_stored(code, call, begin, end);
}

void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end)
{
    if (call->stream)
        run_streamed(call->code, call, begin, end);
    else
        run_stored(call->code, call, begin, end);
}
