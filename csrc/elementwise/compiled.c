/* The loop of kernels that another compiler made, and jobs of other kinds of its. */
#include "environment.h"
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

typedef struct {
    fastact_piece piece;
    ptrdiff_t context;
} job;

static void run_pieces(void *context, int worker, ptrdiff_t begin, ptrdiff_t end)
{
    const job *shared = context;
    void *result = NULL, *error = NULL;
    (void)worker;
    for (; begin < end; begin++)
        shared->piece(&result, &error, shared->context, begin);
}

void fastact_share(fastact_piece piece, ptrdiff_t context, ptrdiff_t pieces)
{
    job shared = {piece, context};
    const fastact_environment given = fastact_enter();
    fastact_parallel(run_pieces, &shared, pieces, 1, fastact_threads());
    fastact_leave(given);
}
