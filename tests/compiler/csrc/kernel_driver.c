/* Runs kernels for a test: requests on standard input, results on standard output. */
#include "binary_streams.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fastact.h"

extern const fastact_table TABLE;

typedef struct {
    char name[64], pass[32], dtype[8];
    int64_t size, params_are_arrays;
    double param[FASTACT_MAX_PARAMS];
} request;

static const fastact_kernel *find(const request *r)
{
    for (int k = 0; k < TABLE.count; k++) {
        const fastact_kernel *entry = &TABLE.kernels[k];
        if (!strcmp(entry->name, r->name) && !strcmp(entry->pass, r->pass)
            && !strcmp(entry->dtype, r->dtype))
            return entry;
    }
    fprintf(stderr, "no kernel %s %s %s\n", r->name, r->pass, r->dtype);
    exit(1);
}

static void *read_array(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL || fread(memory, 1, bytes, stdin) != bytes)
        exit(2);
    return memory;
}

int main(void)
{
    request r;
    binary_streams();
    while (fread(&r, sizeof r, 1, stdin) == 1) {
        const fastact_kernel *entry = find(&r);
        const size_t bytes = (size_t)r.size * (entry->dtype[1] == '3' ? 4 : 8);
        fastact_call call = {0};
        for (int k = 0; k < entry->n_in; k++)
            call.in[k] = read_array(bytes);
        for (int k = 0; k < entry->n_params; k++) {
            call.param[k] = r.param[k];
            call.param_array[k] = r.params_are_arrays ? read_array(bytes) : NULL;
        }
        for (int k = 0; k < entry->n_out; k++)
            call.out[k] = malloc(bytes);
        entry->loop(&call, 0, r.size);
        for (int k = 0; k < entry->n_out; k++) {
            if (fwrite(call.out[k], 1, bytes, stdout) != bytes)
                return 3;
            free(call.out[k]);
        }
        for (int k = 0; k < entry->n_in; k++)
            free((void *)call.in[k]);
        for (int k = 0; k < entry->n_params; k++)
            free((void *)call.param_array[k]);
    }
    return 0;
}
