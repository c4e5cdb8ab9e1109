# Kernels for other extension modules, which find these functions in __pyx_capi__. Included by _native.pyx.

cdef extern from *:
    """
    static void fastact_run_here(const fastact_kernel *kernel, const void *const *inputs, void *const *outputs,
                                 const double *params, Py_ssize_t size)
    {
        fastact_call call = {{0}};
        fastact_environment given = fastact_enter();
        for (int k = 0; k < kernel->n_in; k++)
            call.in[k] = inputs[k];
        for (int k = 0; k < kernel->n_out; k++)
            call.out[k] = outputs[k];
        for (int k = 0; k < kernel->n_params; k++)
            call.param[k] = params[k];
        kernel->loop(&call, 0, size);
        fastact_leave(given);
    }
    """
    void fastact_run_here(const fastact_kernel *kernel, const void *const *inputs, void *const *outputs,
                          const double *params, Py_ssize_t size) noexcept nogil


cdef api const void *array_kernel(const char *name, const char *pass_, const char *dtype) except NULL:
    """Return the kernel of the instruction set in use; of a name that there is not, a KeyError."""
    from fastact.backends.cython import backend

    cdef Kernel kernel = backend.kernels()[name.decode(), pass_.decode(), dtype.decode()]
    return kernel.entry


cdef api void run_array_kernel(const void *kernel, const void *const *inputs, void *const *outputs,
                               const double *params, Py_ssize_t size) noexcept nogil:
    """Compute contiguous arrays on the calling thread; an output may be one of the inputs."""
    fastact_run_here(<const fastact_kernel *>kernel, inputs, outputs, params, size)
