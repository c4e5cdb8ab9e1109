/* The loop of kernels that another compiler made. */
#include "fastact.h"

void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end)
{
    const fastact_code *code = call->code;
    const void *in[FASTACT_MAX_INPUTS], *param_array[FASTACT_MAX_PARAMS];
    void *out[FASTACT_MAX_OUTPUTS], *result = NULL, *error = NULL;
    for (int k = 0; k < code->n_in; k++)
        in[k] = (const char *)call->in[k] + begin * code->item;
    for (int k = 0; k < code->n_out; k++)
        out[k] = (char *)call->out[k] + begin * code->item;
    for (int k = 0; k < code->n_params; k++)
        param_array[k] = call->param_array[k] == NULL
                             ? NULL
                             : (const char *)call->param_array[k] + begin * code->item;
    code->entry(&result, &error, call->stream ? code->streaming : code->storing, in, out,
                call->param, param_array, end - begin);
}
