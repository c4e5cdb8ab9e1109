/* Calls of fastact's own kernels, for extension modules of Python: the best instruction set of the processor, on the
   calling thread, without the GIL. The first call of a function takes the GIL to find its kernel. */
#ifndef FASTACT_ARRAYS_H
#define FASTACT_ARRAYS_H

#include <Python.h>

typedef const void *(*fastact_array_kernel)(const char *, const char *, const char *);
typedef void (*fastact_run_array)(const void *, const void *const *, void *const *, const double *,
                                  Py_ssize_t);

static inline void *fastact_from_extension(const char *name)
{
    void *found = NULL;
    PyObject *module = PyImport_ImportModule("fastact.backends.cython._native");
    PyObject *all = module ? PyObject_GetAttrString(module, "__pyx_capi__") : NULL;
    PyObject *one = all ? PyMapping_GetItemString(all, name) : NULL;
    if (one)
        found = PyCapsule_GetPointer(one, PyCapsule_GetName(one));
    Py_XDECREF(one);
    Py_XDECREF(all);
    Py_XDECREF(module);
    return found;
}

/* Returns 0, or -1 with an exception set: an ImportError where fastact's extension was not built. `kept` is where the
   caller keeps the kernel. */
static inline int fastact_call_array(const void *volatile *kept, const char *name, const char *pass,
                                     const char *dtype, const void *const *inputs,
                                     void *const *outputs, const double *params, Py_ssize_t size)
{
    static fastact_run_array volatile run;
    if (*kept == NULL) {
        const PyGILState_STATE state = PyGILState_Ensure();
        void *finds = fastact_from_extension("array_kernel");
        void *runs = finds ? fastact_from_extension("run_array_kernel") : NULL;
        if (runs) {
            fastact_array_kernel find;
            fastact_run_array found;
            memcpy(&find, &finds, sizeof find);
            memcpy(&found, &runs, sizeof found);
            run = found;
            *kept = find(name, pass, dtype);
        }
        PyGILState_Release(state);
        if (*kept == NULL)
            return -1;
    }
    run(*kept, inputs, outputs, params, size);
    return 0;
}

#endif
