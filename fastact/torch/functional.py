"""The functions: those of PyTorch, each declared by its signature there, and the others of fastact."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch

from ..functions.base import Function
from ..functions.catalogue import PUBLIC, names
from .kernels import ClassLoss, Gate, Kernels, Loss, PRelu, Reduction, Single, Softmax
from .operations import Operation

__all__ = ["FUNCTIONS", "MODULES", "rrelu"]

# PyTorch's signature, without its deprecated arguments; the function here; the class in torch.nn. What has no default
# and no type, or the default None, is a tensor.
_DECLARED = (
    ("relu(input, inplace=False)", "relu", "ReLU"),
    ("relu6(input, inplace=False)", "relu6", "ReLU6"),
    ("leaky_relu(input, negative_slope=0.01, inplace=False)", "leaky_relu", "LeakyReLU"),
    ("elu(input, alpha=1.0, inplace=False)", "elu", "ELU"),
    ("celu(input, alpha=1.0, inplace=False)", "celu", "CELU"),
    ("selu(input, inplace=False)", "selu", "SELU"),
    ("gelu(input, *, approximate='none')", "gelu", "GELU"),
    ("silu(input, inplace=False)", "silu", "SiLU"),
    ("mish(input, inplace=False)", "mish", "Mish"),
    ("hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False)", "hard_tanh", "Hardtanh"),
    ("hardsigmoid(input, inplace=False)", "hard_sigmoid", "Hardsigmoid"),
    ("hardswish(input, inplace=False)", "hard_swish", "Hardswish"),
    ("hardshrink(input, lambd=0.5)", "hard_shrink", "Hardshrink"),
    ("softshrink(input, lambd=0.5)", "soft_shrink", "Softshrink"),
    ("tanhshrink(input)", "tanh_shrink", "Tanhshrink"),
    ("threshold(input, threshold: float, value: float, inplace=False)", "threshold", "Threshold"),
    ("softsign(input)", "softsign", "Softsign"),
    ("softplus(input, beta=1.0, threshold=20.0)", "softplus", "Softplus"),
    ("logsigmoid(input)", "log_sigmoid", "LogSigmoid"),
    ("sigmoid(input)", "sigmoid", "Sigmoid"),
    ("tanh(input)", "tanh", "Tanh"),
    ("exp(input)", "exponential", None),
    ("softmax(input, dim: int = None, *, dtype: dtype = None)", "softmax", "Softmax"),
    ("softmin(input, dim: int = None, *, dtype: dtype = None)", "softmin", "Softmin"),
    ("log_softmax(input, dim: int = None, *, dtype: dtype = None)", "log_softmax", "LogSoftmax"),
    ("logsumexp(input, dim: ints, keepdim=False)", "logsumexp", None),
    ("glu(input, dim=-1)", "glu", "GLU"),
    ("prelu(input, weight)", "prelu", "PReLU"),
    (
        "cross_entropy(input, target, weight=None, *, ignore_index=-100, reduction='mean', label_smoothing=0.0)",
        "cross_entropy",
        "CrossEntropyLoss",
    ),
    (
        "nll_loss(input, target, weight=None, *, ignore_index=-100, reduction='mean')",
        "nll",
        "NLLLoss",
    ),
    (
        "binary_cross_entropy(input, target, weight=None, *, reduction='mean')",
        "binary_cross_entropy",
        "BCELoss",
    ),
    (
        "binary_cross_entropy_with_logits(input, target, weight=None, *, reduction='mean', pos_weight=None)",
        "binary_cross_entropy_with_logits",
        "BCEWithLogitsLoss",
    ),
    ("mse_loss(input, target, *, reduction='mean')", "mse", "MSELoss"),
    ("l1_loss(input, target, *, reduction='mean')", "l1", "L1Loss"),
    ("huber_loss(input, target, reduction='mean', delta=1.0)", "huber", "HuberLoss"),
    ("smooth_l1_loss(input, target, *, reduction='mean', beta=1.0)", "smooth_l1", "SmoothL1Loss"),
    ("kl_div(input, target, *, reduction='mean', log_target=False)", "kl_div", "KLDivLoss"),
    (
        "poisson_nll_loss(input, target, log_input=True, full=False, *, eps=1e-8, reduction='mean')",
        "poisson_nll",
        "PoissonNLLLoss",
    ),
    (
        "gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction='mean')",
        "gaussian_nll",
        "GaussianNLLLoss",
    ),
)

# In PyTorch these are other functions.
_OTHERS = ("bilinear",)
_SCHEMA = {"str": "str", "bool": "bool", "int": "int", "float": "float", "ints": "int[1]"}
_KINDS: dict[str, type[Kernels]] = {
    "elementwise": Single,
    "parametric": PRelu,
    "rows": Single,
    "gates": Gate,
    "losses": Loss,
}


def _kind(function: Function) -> type[Kernels]:
    if function.family == "losses" and "axis" in function.parameters:
        return ClassLoss
    if function.family == "rows" and "keepdims" in function.parameters:
        return Reduction
    softmax = function.name in ("softmax", "softmin", "log_softmax")
    return Softmax if softmax else _KINDS[function.family]


def _type(parameter: inspect.Parameter) -> str:
    """Return the type of an option, "tensor" for a tensor."""
    if parameter.annotation is not parameter.empty:
        return str(parameter.annotation)
    if parameter.default in (parameter.empty, None):
        return "tensor"
    return type(parameter.default).__name__


def _function(declared: str, name: str, kind: type[Kernels] | None = None) -> Callable[..., Any]:
    """Return the function that a signature declares, on the kernels of a function of fastact."""
    space: dict[str, Any] = {}
    exec(f"from __future__ import annotations\ndef {declared}: ...", space)
    label = declared.partition("(")[0]
    signature = inspect.signature(space[label])
    types = {one.name: _type(one) for one in signature.parameters.values()}
    tensors = [name for name, kind in types.items() if kind == "tensor"]
    options = [name for name, kind in types.items() if kind in _SCHEMA and name != "inplace"]
    optional = [one for one in types if signature.parameters[one].default is None]
    schema = [f"{_SCHEMA[types[one]]}{'?' if one in optional else ''} {one}" for one in options]
    kernels = (kind or _kind(PUBLIC[name]))(name, tensors, options)
    operation = Operation(label, kernels, tensors, optional, schema)
    given = [f"ints({one})" if types[one] == "ints" else one for one in options]
    inplace = ", inplace" if "inplace" in types else ""
    converted = (
        "    if dtype is not None:\n        input = input.to(dtype)\n" if "dtype" in types else ""
    )
    call = f"operation(({', '.join(tensors)},), ({''.join(one + ', ' for one in given)}){inplace})"
    space = {"operation": operation, "ints": _ints}
    exec(
        f"from __future__ import annotations\ndef {declared}:\n{converted}    return {call}", space
    )
    function: Any = space[label]
    function.__module__ = "fastact.torch"
    function.__doc__ = f"`fastact.{name}` of tensors: {_first_line(PUBLIC[name])}"
    function.operation = operation
    return function  # type: ignore[no-any-return]


def _ints(dim: Any) -> tuple[int, ...]:
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _first_line(function: Function) -> str:
    lines = (function.__doc__ or "").splitlines()
    return next(line.strip() for line in lines[1:] if line.strip())


def _others() -> Iterator[tuple[str, str]]:
    """Yield the signatures of functions that PyTorch does not have or has elsewhere, under the names of fastact."""
    known = {name for _, name, _ in _DECLARED}
    for name in names():
        function = PUBLIC[name]
        if name in known or function.family not in ("elementwise", "rows", "gates"):
            continue
        if "vjp" not in function.passes or "rng" in function.parameters or name in _OTHERS:
            continue
        parts = ["gate", "value=None"] if function.family == "gates" else ["input"]
        parts += [_parameter(*one) for one in function.parameters.items() if one[0] != "order"]
        yield f"{name}({', '.join(parts)})", name


def _parameter(name: str, default: Any) -> str:
    if name == "axis":
        return f"dim={default}" if default is not None else "dim: ints"
    name = "keepdim" if name == "keepdims" else name
    if default is inspect.Parameter.empty:
        return f"{name}: float"
    return f"{name}: float = None" if default is None else f"{name}={default!r}"


#: Name -> function.
FUNCTIONS: dict[str, Callable[..., Any]] = {}
#: Name of a class of torch.nn -> its function.
MODULES: dict[str, Callable[..., Any]] = {}

for _declared, _name, _class in _DECLARED:
    _made = _function(_declared, _name)
    FUNCTIONS[_made.__name__] = _made
    if _class is not None:
        MODULES[_class] = _made
for _declared, _name in _others():
    FUNCTIONS[_name] = _function(_declared, _name)

_leaky_relu = FUNCTIONS["leaky_relu"]
_of_slopes = _function("_leaky_relu_of_slopes(input, slopes)", "leaky_relu", Kernels)


def rrelu(
    input: Any,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    """`fastact.leaky_relu` of tensors; in training with slopes that PyTorch's generator draws."""
    if not training:
        return _leaky_relu(input, (lower + upper) / 2, inplace)
    result = _of_slopes(input, torch.empty_like(input).uniform_(lower, upper))
    return input.copy_(result) if inplace else result


FUNCTIONS["rrelu"] = MODULES["RReLU"] = rrelu
