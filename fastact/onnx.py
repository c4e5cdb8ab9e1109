"""ONNX's operators computed by fastact: ``ReferenceEvaluator(model, new_ops=fastact.onnx.OPERATORS)``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

try:
    from onnx.reference.op_run import OpRun
    from onnx.reference.ops import load_op
except ModuleNotFoundError as error:
    raise ImportError(
        "fastact.onnx needs the package onnx, which is not installed: pip install onnx"
    ) from error

from .calling.dtypes import is_floating
from .functions.catalogue import PUBLIC, get

__all__ = ["OPERATORS"]

# The defaults of Selu as ONNX gives them, rounded to float32.
_ALPHA, _GAMMA = float(np.float32(1.6732632423543772)), float(np.float32(1.0507009873554805))


def _clip(x: Any, low: Any = None, high: Any = None) -> Any:
    upper = np.inf if high is None else float(high)
    lower = -np.inf if low is None else float(low)
    return PUBLIC["hard_tanh"](
        x, min(lower, upper), upper
    )  # ONNX gives the upper of crossing bounds


def _shrink(x: Any, lambd: float = 0.5, bias: float = 0.0) -> Any:
    if bias not in (0.0, lambd):
        soft = np.sign(x) * (np.abs(x) - bias)
        return np.where(np.abs(x) > lambd, soft, 0.0).astype(x.dtype)
    return PUBLIC["soft_shrink" if bias else "hard_shrink"](x, lambd)


def _selu(x: Any, alpha: float = _ALPHA, gamma: float = _GAMMA) -> Any:
    if abs(alpha - _ALPHA) < 1e-6 and abs(gamma - _GAMMA) < 1e-6:
        return PUBLIC["selu"](x)
    return x.dtype.type(gamma) * PUBLIC["elu"](x, alpha)


def _log_sum_exp(x: Any, axes: Any = None, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Any:
    if axes is None or not np.size(axes):
        if noop_with_empty_axes:
            return x
        return PUBLIC["logsumexp"](x, axis=None, keepdims=bool(keepdims))
    along = tuple(map(int, np.ravel(axes)))
    return PUBLIC["logsumexp"](x, axis=along, keepdims=bool(keepdims))


def _cross_entropy(x: Any, target: Any, weight: Any = None, **given: Any) -> Any:
    loss = PUBLIC["cross_entropy"](x, target, axis=1, weight=weight, **_of_loss(**given))
    return loss, PUBLIC["log_softmax"](x, axis=1)


def _nll(x: Any, target: Any, weight: Any = None, **given: Any) -> Any:
    return PUBLIC["nll"](x, target, axis=1, weight=weight, **_of_loss(**given))


def _of_loss(reduction: str = "mean", ignore_index: int | None = None) -> dict[str, Any]:
    """Return the options of a loss; without an ignored class, -100 is none that occurs."""
    return {"reduction": reduction, "ignore_index": -100 if ignore_index is None else ignore_index}


@dataclass(frozen=True)
class _Operator:
    """One operator.

    Attributes
    ----------
    compute : callable or str
        Takes the inputs and attributes; or the name of a function of fastact.
    attributes : dict of str to str
        ONNX's name of an attribute -> the parameter.
    since : int
        The first version of the operator set in which the operator means this.
    domain : str
        Its domain.
    """

    compute: Callable[..., Any] | str
    attributes: dict[str, str] | None = None
    since: int = 6
    domain: str = ""

    def __call__(self, *inputs: Any, **given: Any) -> Any:
        if callable(self.compute):
            return self.compute(*inputs, **given)
        names = self.attributes or {}
        return get(self.compute)(*inputs, **{names[one]: value for one, value in given.items()})


_ALPHA_ONLY = {"alpha": "alpha"}
_AXIS = {"axis": "axis"}
_MICROSOFT = "com.microsoft"

_OPERATORS: dict[str, _Operator] = {
    "Celu": _Operator("celu", _ALPHA_ONLY),
    "Clip": _Operator(_clip, since=11),
    "Elu": _Operator("elu", _ALPHA_ONLY),
    "Erf": _Operator("erf"),
    "Exp": _Operator("exponential"),
    "Gelu": _Operator("gelu", {"approximate": "approximate"}),
    "HardSigmoid": _Operator("hard_sigmoid", {"alpha": "slope", "beta": "offset"}),
    "HardSwish": _Operator("hard_swish"),
    "Hardmax": _Operator("hardmax", _AXIS, since=13),
    "Identity": _Operator("identity"),
    "LeakyRelu": _Operator("leaky_relu", {"alpha": "negative_slope"}),
    "LogSoftmax": _Operator("log_softmax", _AXIS, since=13),
    "Mish": _Operator("mish"),
    "NegativeLogLikelihoodLoss": _Operator(_nll),
    "PRelu": _Operator("leaky_relu", since=7),
    "ReduceLogSumExp": _Operator(_log_sum_exp, since=18),
    "Relu": _Operator("relu"),
    "Selu": _Operator(_selu),
    "Shrink": _Operator(_shrink),
    "Sigmoid": _Operator("sigmoid"),
    "Softmax": _Operator("softmax", _AXIS, since=13),
    "SoftmaxCrossEntropyLoss": _Operator(_cross_entropy),
    "Softplus": _Operator("softplus"),
    "Softsign": _Operator("softsign"),
    "SwiGLU": _Operator("swiglu", _ALPHA_ONLY),
    "Swish": _Operator("silu", {"alpha": "beta"}),
    "Tanh": _Operator("tanh"),
    "ThresholdedRelu": _Operator("threshold", {"alpha": "threshold"}),
}
# Of ONNX Runtime; the reference evaluator has none of them.
_OF_MICROSOFT = {
    "Gelu": _Operator("gelu", domain=_MICROSOFT),
    "QuickGelu": _Operator(lambda x, alpha=1.702: PUBLIC["silu"](x, alpha), domain=_MICROSOFT),
}


class _Run(OpRun):
    """An operator on fastact; what fastact does not compute is left to the reference evaluator's own."""

    op_domain = ""
    operator: _Operator

    def _run(self, *inputs: Any, **attributes: Any) -> tuple[Any, ...]:
        if not self._computes(inputs):
            own: tuple[Any, ...] = self._own._run(*inputs, **attributes)
            return own
        given = {name: value for name, value in attributes.items() if value is not None}
        found = self.operator(*inputs, **given)
        results = found if isinstance(found, tuple) else (found,)
        return tuple(map(np.asarray, results[: len(self.onnx_node.output)]))

    def _computes(self, inputs: tuple[Any, ...]) -> bool:
        """Tell whether the version and the dtype, which may be an integer, are fastact's."""
        if self.operator.domain:
            return True
        version = self.run_params["opsets"][self.op_domain]
        x = inputs[0]
        return (
            version >= self.operator.since
            and isinstance(x, (np.ndarray, np.generic))
            and is_floating(x.dtype)
        )

    @cached_property
    def _own(self) -> Any:
        version = self.run_params["opsets"][self.op_domain]
        kind = load_op(self.op_domain, type(self).__name__, version)
        return kind(self.onnx_node, self.run_params)


def _class(name: str, operator: _Operator) -> type[Any]:
    doc = f"{name} of ONNX, computed by fastact."
    members: dict[str, Any] = {
        "__doc__": doc,
        "__module__": __name__,
        "op_domain": operator.domain,
        "operator": operator,
    }
    if operator.domain:  # else the schema of ONNX's operator of that name
        members["op_schema"] = None
    return type(name, (_Run,), members)


#: The classes for ``ReferenceEvaluator(model, new_ops=...)``, one for each operator.
OPERATORS: list[type[Any]] = [
    _class(name, operator)
    for group in (_OPERATORS, _OF_MICROSOFT)
    for name, operator in group.items()
]
