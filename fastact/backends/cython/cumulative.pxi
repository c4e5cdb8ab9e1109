# What logcumsumexp needs besides elementwise kernels. Included by _native.pyx.

cdef extern from "fastact.h":
    void fastact_running_maximum(const double *x, const double *carried, double *maximum, double *exponents,
                                 Py_ssize_t rows, Py_ssize_t n) nogil
    void fastact_recurrence(const double *factor, const double *carried, double *terms, Py_ssize_t rows,
                            Py_ssize_t n) nogil


def running_maximum(const double[:, ::1] x, const double[::1] carried, double[:, ::1] maximum,
                    double[:, :, ::1] exponents):
    """Fill the maximum up to each element of each row, and three arrays of exponents."""
    cdef Py_ssize_t rows = x.shape[0], n = x.shape[1]
    if (carried.shape[0] != rows or maximum.shape[0] != rows or maximum.shape[1] != n
            or exponents.shape[0] != 3 or exponents.shape[1] != rows or exponents.shape[2] != n):
        raise ValueError("running_maximum: shapes do not match")
    if rows and n:
        with nogil:
            fastact_running_maximum(&x[0, 0], &carried[0], &maximum[0, 0], &exponents[0, 0, 0], rows, n)


def recurrence(const double[:, ::1] factor, const double[::1] carried, double[:, ::1] terms):
    """Replace the terms t of each row by s with s[k] = factor[k]*s[k - 1] + t[k]."""
    cdef Py_ssize_t rows = terms.shape[0], n = terms.shape[1]
    if carried.shape[0] != rows or factor.shape[0] != rows or factor.shape[1] != n:
        raise ValueError("recurrence: shapes do not match")
    if rows and n:
        with nogil:
            fastact_recurrence(&factor[0, 0], &carried[0], &terms[0, 0], rows, n)
