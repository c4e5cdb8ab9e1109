/* Machine code that another compiler made: as the loop of an elementwise kernel, and for any job cut into pieces. */
#include "environment.h"
#include "fastact.h"

void fastact_run_code(const fastact_call *call, ptrdiff_t begin, ptrdiff_t end)
{
    const fastact_code *code = call->code;
    const void *in[FASTACT_MAX_INPUTS], *param_array[FASTACT_MAX_PARAMS];
    void *out[FASTACT_MAX_OUTPUTS], *result = NULL, *error = NULL;
    for (int k = 0; k < code->n_in; k++)
        in[k] = (const char *)call->in[k] + begin * code->itemsize;
    for (int k = 0; k < code->n_out; k++)
        out[k] = (char *)call->out[k] + begin * code->itemsize;
    for (int k = 0; k < code->n_params; k++)
        param_array[k] = call->param_array[k] == NULL
                             ? NULL
                             : (const char *)call->param_array[k] + begin * code->itemsize;
    code->entry_point(&result, &error, call->non_temporal ? code->non_temporal_address : code->address, in,
                out, call->param, param_array, end - begin);
}

typedef struct {
    fastact_piece piece;
    ptrdiff_t context;
} job;

static void run_pieces(void *context, int thread, ptrdiff_t begin, ptrdiff_t end)
{
    const job *work = context;
    void *result = NULL, *error = NULL;
    (void)thread;
    for (; begin < end; begin++)
        work->piece(&result, &error, work->context, begin);
}

void fastact_run_pieces(fastact_piece piece, ptrdiff_t context, ptrdiff_t pieces)
{
    job work = {piece, context};
    const fastact_environment given = fastact_enter();
    fastact_parallel(run_pieces, &work, 0, pieces, 1, fastact_threads());
    fastact_leave(given);
}
