# cython: language_level=3, boundscheck=False, wraparound=False
"""A layer of a network in one loop: activations that the C compiler inlines and vectorises."""

from cython cimport floating

cimport fastact.api as fa


def forward(const floating[::1] x, floating[::1] out, double beta=1.0):
    """Write gelu(x)·tanh(x) + softplus(x, beta) into out."""
    cdef Py_ssize_t i
    if out.shape[0] != x.shape[0]:
        raise ValueError("x and out differ in length")
    with nogil:
        for i in range(x.shape[0]):
            out[i] = fa.gelu(x[i]) * fa.tanh(x[i]) + fa.softplus(x[i], beta)


def train(const floating[::1] x, const floating[::1] g, floating[::1] value, floating[::1] gradient):
    """Write silu(x) and g times its derivative, from one pass."""
    cdef Py_ssize_t i
    cdef floating slope
    if not x.shape[0] == g.shape[0] == value.shape[0] == gradient.shape[0]:
        raise ValueError("the arrays differ in length")
    with nogil:
        for i in range(x.shape[0]):
            fa.silu_value_and_derivative(x[i], &value[i], &slope)
            gradient[i] = g[i] * slope


def smooth(const floating[::1] x, floating[::1] out, double alpha=1.0):
    """Write gelu(elu(x, alpha)) into out, by fastact's own kernels on this thread."""
    if out.shape[0] != x.shape[0]:
        raise ValueError("x and out differ in length")
    with nogil:
        fa.elu_array(&x[0], &out[0], x.shape[0], alpha)
        fa.gelu_array(&out[0], &out[0], x.shape[0])


def gradients(const floating[::1] g, const floating[::1] gate, const floating[::1] value,
              floating[::1] dgate, floating[::1] dvalue):
    """Write the gradients of swiglu."""
    if not g.shape[0] == gate.shape[0] == value.shape[0] == dgate.shape[0] == dvalue.shape[0]:
        raise ValueError("the arrays differ in length")
    with nogil:
        fa.swiglu_vjp_array(&g[0], &gate[0], &value[0], &dgate[0], &dvalue[0], g.shape[0])


def slopes(double x):
    """Return leaky_relu with the default slope and with 0.25, and the gradients of swiglu with gate and value x."""
    cdef double gate, value
    fa.swiglu_vjp(1.0, x, x, &gate, &value)
    return fa.leaky_relu(x), fa.leaky_relu(x, 0.25), gate, value
