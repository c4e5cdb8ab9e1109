/* Elements at any distance from each other: gathered block by block into memory that stays in the first-level cache,
   and computed there. */
#include <stdint.h>
#include <string.h>

#include "fastact.h"

/* Bytes on the stack, of which a thread may have as little as 128 KiB: 2,048 elements of two float32 operands. */
enum { MEMORY = 1 << 14 };

#define FASTACT_COPY(type)                                                                         \
    for (ptrdiff_t i = 0; i < count; i++) {                                                        \
        type element;                                                                              \
        memcpy(&element, from + i * from_step, sizeof element);                                    \
        memcpy(to + i * to_step, &element, sizeof element);                                        \
    }

static void copy(const char *from, ptrdiff_t from_step, char *to, ptrdiff_t to_step, ptrdiff_t item,
                 ptrdiff_t count)
{
    if (item == 4)
        FASTACT_COPY(uint32_t)
    else if (item == 8)
        FASTACT_COPY(uint64_t)
    else
        FASTACT_COPY(uint16_t)
}

typedef struct {
    char *place;     /* of the first element */
    ptrdiff_t step;  /* bytes to the next one */
    char *buffer;    /* NULL: the elements are contiguous */
} operand;

static operand operand_of(const void *place, ptrdiff_t step, ptrdiff_t item, int *buffers)
{
    /* A buffer's address is known once all are counted; any address but NULL says that there is one. */
    operand one = {(char *)place, step, step == item ? NULL : (char *)place};
    *buffers += one.buffer != NULL;
    return one;
}

/* Where the elements from `begin` on are for the loop; gathered, if they are read. */
static char *contiguous(const operand *one, ptrdiff_t begin, ptrdiff_t item, ptrdiff_t count, int read)
{
    char *place = one->place + begin * one->step;
    if (one->buffer == NULL)
        return place;
    if (read)
        copy(place, one->step, one->buffer, item, item, count);
    return one->buffer;
}

void fastact_run_strided(const fastact_kernel *kernel, const fastact_call *call, ptrdiff_t begin,
                         ptrdiff_t end)
{
    char memory[MEMORY] __attribute__((aligned(FASTACT_ALIGNMENT)));
    operand in[FASTACT_MAX_INPUTS], out[FASTACT_MAX_OUTPUTS], param[FASTACT_MAX_PARAMS];
    const ptrdiff_t item = kernel->itemsize;
    int buffers = 0;
    for (int k = 0; k < kernel->n_in; k++)
        in[k] = operand_of(call->in[k], call->in_stride[k], item, &buffers);
    for (int k = 0; k < kernel->n_out; k++)
        out[k] = operand_of(call->out[k], call->out_stride[k], item, &buffers);
    for (int k = 0; k < kernel->n_params; k++)
        if (call->param_array[k] != NULL)
            param[k] = operand_of(call->param_array[k], call->param_stride[k], item, &buffers);
    const ptrdiff_t bytes = MEMORY / (buffers ? buffers : 1) / FASTACT_ALIGNMENT * FASTACT_ALIGNMENT;
    char *next = memory;
    for (int k = 0; k < kernel->n_in; k++)
        if (in[k].buffer != NULL)
            in[k].buffer = next, next += bytes;
    for (int k = 0; k < kernel->n_out; k++)
        if (out[k].buffer != NULL)
            out[k].buffer = next, next += bytes;
    for (int k = 0; k < kernel->n_params; k++)
        if (call->param_array[k] != NULL && param[k].buffer != NULL)
            param[k].buffer = next, next += bytes;
    fastact_call block = *call;
    block.line = block.non_temporal = block.wide = 0;
    for (const ptrdiff_t size = bytes / item; begin < end; begin += size) {
        const ptrdiff_t count = end - begin < size ? end - begin : size;
        for (int k = 0; k < kernel->n_in; k++)
            block.in[k] = contiguous(&in[k], begin, item, count, 1);
        for (int k = 0; k < kernel->n_params; k++)
            if (call->param_array[k] != NULL)
                block.param_array[k] = contiguous(&param[k], begin, item, count, 1);
        for (int k = 0; k < kernel->n_out; k++)
            block.out[k] = contiguous(&out[k], begin, item, count, 0);
        kernel->loop(&block, 0, count);
        for (int k = 0; k < kernel->n_out; k++)
            if (out[k].buffer != NULL)
                copy(out[k].buffer, item, out[k].place + begin * out[k].step, out[k].step, item, count);
    }
}
