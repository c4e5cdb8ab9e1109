/* The loop of kernels that another compiler made. Their code takes elements that do not fill its vectors
   one by one, so those pass through memory that has room for whole vectors. */
#include <string.h>

#include "fastact.h"

typedef struct {
    const void *in[FASTACT_MAX_INPUTS];
    void *out[FASTACT_MAX_OUTPUTS];
    const void *param_array[FASTACT_MAX_PARAMS];
} operands;

static void advance(const fastact_code *code, operands *o, ptrdiff_t count)
{
    for (int k = 0; k < code->n_in; k++)
        o->in[k] = (const char *)o->in[k] + count * code->item;
    for (int k = 0; k < code->n_out; k++)
        o->out[k] = (char *)o->out[k] + count * code->item;
    for (int k = 0; k < code->n_params; k++)
        if (o->param_array[k] != NULL)
            o->param_array[k] = (const char *)o->param_array[k] + count * code->item;
}

static void enter(const fastact_code *code, ptrdiff_t address, const operands *o,
                  const double *param, ptrdiff_t count)
{
    void *result = NULL, *error = NULL;
    code->entry(&result, &error, address, o->in, o->out, param, o->param_array, count);
}

static const void *padded(char *block, const void *from, ptrdiff_t bytes, ptrdiff_t whole)
{
    memcpy(block, from, (size_t)bytes);
    memset(block + bytes, 0, (size_t)(whole - bytes));
    return block;
}

/* Less than a group, as a whole one. */
static void run_rest(const fastact_code *code, operands o, const double *param, ptrdiff_t count)
{
    _Alignas(FASTACT_ALIGNMENT) char in[FASTACT_MAX_INPUTS][FASTACT_GROUP_BYTES];
    _Alignas(FASTACT_ALIGNMENT) char params[FASTACT_MAX_PARAMS][FASTACT_GROUP_BYTES];
    _Alignas(FASTACT_ALIGNMENT) char out[FASTACT_MAX_OUTPUTS][FASTACT_GROUP_BYTES];
    const operands to = o;
    const ptrdiff_t bytes = count * code->item, whole = code->group * code->item;
    for (int k = 0; k < code->n_in; k++)
        o.in[k] = padded(in[k], o.in[k], bytes, whole);
    for (int k = 0; k < code->n_params; k++)
        if (o.param_array[k] != NULL)
            o.param_array[k] = padded(params[k], o.param_array[k], bytes, whole);
    for (int k = 0; k < code->n_out; k++)
        o.out[k] = out[k];
    enter(code, code->storing, &o, param, code->group);
    for (int k = 0; k < code->n_out; k++)
        memcpy(to.out[k], out[k], (size_t)bytes);
}

void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end)
{
    const fastact_code *code = call->code;
    const ptrdiff_t rest = (end - begin) % code->group, whole = end - begin - rest;
    operands o;
    memcpy(o.in, call->in, sizeof o.in);
    memcpy(o.out, call->out, sizeof o.out);
    memcpy(o.param_array, call->param_array, sizeof o.param_array);
    advance(code, &o, begin);
    if (whole > 0)
        enter(code, call->stream ? code->streaming : code->storing, &o, call->param, whole);
    if (rest > 0) {
        advance(code, &o, whole);
        run_rest(code, o, call->param, rest);
    }
}
