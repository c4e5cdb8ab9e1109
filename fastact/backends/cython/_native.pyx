# cython: language_level=3, boundscheck=False, wraparound=False
"""The kernels of csrc/ as callables.

Every cache here relies on the GIL: it is one reference, or is complete before what marks it as filled is written.
"""

from numpy import float16, float32, float64

cimport cython
cimport numpy as cnp
from libc.math cimport signbit
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AsDouble
from cpython.contextvars cimport PyContextVar_Get
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF

cnp.import_array()


cdef extern from "fastact.h":
    enum:
        FASTACT_MAX_INPUTS
        FASTACT_MAX_OUTPUTS
        FASTACT_MAX_PARAMS
        FASTACT_STOPPED
        FASTACT_NO_MEMORY
    ctypedef struct fastact_call:
        const void *inputs "in"[4]
        void *out[3]
        const void *param_array[4]
        double param[4]
        Py_ssize_t line
        Py_ssize_t in_stride[4]
        Py_ssize_t out_stride[3]
        Py_ssize_t param_stride[4]
        const fastact_code *code
    ctypedef void (*fastact_loop)(const fastact_call *call, Py_ssize_t begin, Py_ssize_t end) noexcept
    ctypedef double (*fastact_sum)(const void *elements, Py_ssize_t count) noexcept
    ctypedef int (*fastact_entry_point)(void **result, void **error, Py_ssize_t address,
                                        const void *const *inputs, void *const *out, const double *param,
                                        const void *const *param_array, Py_ssize_t count)
    ctypedef struct fastact_code:
        fastact_entry_point entry_point
        Py_ssize_t address
        Py_ssize_t non_temporal_address
        Py_ssize_t itemsize
        int n_in
        int n_out
        int n_params
    enum fastact_cost:
        fastact_move
        fastact_cheap
        fastact_exp
        fastact_heavy
    ctypedef struct fastact_kernel:
        const char *name
        const char *pass_ "pass"
        const char *dtype
        Py_ssize_t itemsize
        int n_in
        int n_out
        int n_params
        fastact_cost cost
        fastact_loop loop
        fastact_sum sum
    ctypedef struct fastact_row_kernel:
        const char *name
        const char *pass_ "pass"
        const char *dtype
        int n_in
        int n_row_in
        int n_out
        int n_row_out
        int n_params
    ctypedef void (*fastact_conversion)(const void *source, void *to, Py_ssize_t count) noexcept nogil
    ctypedef struct fastact_table:
        const fastact_kernel *kernels
        int count
        const fastact_row_kernel *row_kernels
        int row_count
        fastact_conversion f16_to_f32
        fastact_conversion f32_to_f16
        fastact_conversion bf16_to_f32
        fastact_conversion f32_to_bf16
    ctypedef struct fastact_instruction_set:
        const char *name
        const char *description
        int (*runs_here)() noexcept
        const fastact_table *table
    const fastact_instruction_set *fastact_instruction_sets
    void fastact_set_threads(int threads)
    int fastact_is_non_temporal(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t size)
    Py_ssize_t fastact_parallel_from(const fastact_kernel *kernel)
    int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t begin,
                        Py_ssize_t end, double *total) nogil
    void fastact_run_code(const fastact_call *call, Py_ssize_t begin, Py_ssize_t end) noexcept
    int FASTACT_STRIDED
    void fastact_run(const fastact_kernel *kernel, fastact_call *call, Py_ssize_t begin,
                     Py_ssize_t end) nogil


cdef extern from "environment.h":
    ctypedef struct fastact_environment:  # its size depends on the processor
        pass
    fastact_environment fastact_enter()
    void fastact_leave(fastact_environment given)


cdef extern from *:
    """
    /* In place of __call__, which Cython gives its arguments as a tuple: 80 ns a call instead of 130. */
    static void fastact_use_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_call = PyVectorcall_Call;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified(type);
    }
    """
    ctypedef PyObject *const *arguments "PyObject *const *"
    ctypedef object (*vectorcallfunc)(object, arguments, size_t, PyObject *)
    void fastact_use_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    object PyArray_Scalar(void *data, cnp.dtype dtype, object base)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)
    arguments PySequence_Fast_ITEMS(tuple sequence)


include "element.pxi"
include "tables.pxi"
include "kernel.pxi"
include "compiled.pxi"
include "caller.pxi"
include "arrays.pxi"
include "rows.pxi"
include "convert.pxi"
include "cumulative.pxi"


def set_threads(int threads):
    fastact_set_threads(threads)


@cython.final
cdef class Environment:
    """The floating-point environment of the kernels, for the body of one ``with`` statement."""

    cdef fastact_environment given

    def __enter__(self):
        self.given = fastact_enter()

    def __exit__(self, *_):
        fastact_leave(self.given)
