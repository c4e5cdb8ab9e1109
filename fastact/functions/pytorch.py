"""The functions under PyTorch's names: the signatures, types and texts of fastact.torch and of its type stub.

PyTorch is not imported: the stub is written where it is not installed, too.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any

from ..calling.docs import FLOAT_NAMES, Text, document
from .catalogue import PUBLIC, names

__all__ = ["ARGUMENTS", "Declared", "declared", "in_its_words", "meant"]

# PyTorch's signature, without its deprecated arguments; the function here; the class in torch.nn. What has no default
# and no type, or the default None, is a tensor.
_DECLARED: tuple[tuple[str, str, str | None], ...] = (
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
    ("rrelu(input, lower=1/8, upper=1/3, training=False, inplace=False)", "rrelu", "RReLU"),
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
#: PyTorch's name of an argument -> the name here.
ARGUMENTS = {"dim": "axis", "keepdim": "keepdims"}
# NumPy's words -> PyTorch's.
_WORDS = {
    "array_like": "tensor",
    "an array": "a tensor",
    "An array": "A tensor",
    "array": "tensor",
    "arrays": "tensors",
    "axes": "dimensions",
    "axis": "dim",
    "keepdims": "keepdim",
}
_WORD = re.compile(rf"\b({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b")
_QUOTED = re.compile(r"(?<!\w)('[^']*')(?!\w)")
_KINDS = {"dtype": "torch.dtype", "ints": "int or sequence of int", "tensor": "torch.Tensor"}
_TEXTS = {
    "dim": "The dimension of the rows.",
    "dtype": "What `input` is converted to first.",
    "ignore_index": "Rows of this class are left out.",
    "inplace": "Write the result into `input`.",
    "input": f"{FLOAT_NAMES}, dense and on the CPU.",
    "keepdim": "Keep the reduced dimensions, with length 1.",
}
_OF_GATES = {
    "dim": "Without a value: the dimension along which gate and value are packed.",
    "input": "Gate and value, packed into one tensor along `dim`.",
    "value": "The factor of the activated gate, of the same shape. Without it, `gate` holds both.",
}
_OWN_TEXTS = {
    "glu.dim": "The dimension along which they are packed.",
    "prelu.weight": "The slope below 0: one, or one for each channel, which is dimension 1.",
}
_REDUCED = "The dimensions that are reduced."
_IMPLICIT = (
    "The dimension of the rows. Without it, 0 for 0, 1 or 3 dimensions, else 1, as in PyTorch."
)
_RAISES = {
    "TypeError": "If a tensor has another dtype or is elsewhere, or an argument is unknown.",
    "ValueError": "If shapes do not match, or an argument is out of its range.",
}


class Declared:
    """A function under PyTorch's name.

    Parameters
    ----------
    text : str
        Its signature, as in the table above.
    function : str
        The function of fastact.
    module : str, optional
        The class in torch.nn.

    Attributes
    ----------
    types : dict
        Its arguments: "tensor", "float", "int", "ints", "bool", "str" or "dtype".
    tensors, optional : list of str
        Its tensors; what may be None.
    """

    def __init__(self, text: str, function: str, module: str | None = None) -> None:
        self.text, self.function, self.module = text, PUBLIC[function], module
        self.label = text.partition("(")[0]
        space: dict[str, Any] = {}
        exec(f"from __future__ import annotations\ndef {text}: ...", space)
        signature = inspect.signature(space[self.label])
        given = signature.parameters.values()
        self.types = {one.name: _type(one) for one in given}
        self.tensors = [name for name, type_ in self.types.items() if type_ == "tensor"]
        self.optional = [one.name for one in given if one.default is None]
        self.signature = signature.replace(
            parameters=[one.replace(annotation=one.empty) for one in given]
        )

    def choices(self, name: str) -> list[str]:
        """Return what a str may be."""
        (first,) = re.findall(r"^\{(.*?)\}", self._described(name))
        return re.findall(r"['\"](\w+)['\"]", first)

    def document(self) -> str:
        """Return the docstring."""
        text = Text(
            "\n\n".join(textwrap.fill(one, 110) for one in self._summary()),
            "torch.Tensor\n    Of the dtype of the first tensor.",
            {one: self._argument(one) for one in self.types},
            _RAISES,
        )
        return document(self.label, self.signature, text, {})

    def _summary(self) -> Iterator[str]:
        """Yield what the function is, and what fastact says of the arguments that it has here, too."""
        first, *others = self.function._text().summary.split("\n\n")
        if "temperature" not in self.types:
            first = first.replace("x/T", "x")
        first = re.sub(r"^[A-Z](?=[a-z])", lambda found: found[0].lower(), first)
        named = {name: self.function.parameters.get(name) for name in re.findall(r"`(\w+)`", first)}
        fixed = [
            f"`{name}` is {value:.6g}"
            for name, value in named.items()
            if name not in self.types and isinstance(value, float)
        ]
        here = f" Here {' and '.join(fixed)}." if fixed else ""
        yield f"`fastact.{self.function.name}` of tensors: {first}{here}"
        for one in others:
            if self.types.keys() & {*re.findall(r"`(\w+)`", one)}:
                yield in_its_words(one, self)

    def _argument(self, name: str) -> str:
        type_, default = self.types[name], self.signature.parameters[name].default
        kind = _KINDS.get(type_, type_)
        if type_ == "str":
            kind = "{" + ", ".join(f'"{one}"' for one in self.choices(name)) + "}"
        if default is not inspect.Parameter.empty:
            shown = f'"{default}"' if type_ == "str" else repr(default)
            kind += ", optional" if default is None else f", default {shown}"
        said = self._text(name)
        return f"{kind}\n    {said}" if said else kind

    def _text(self, name: str) -> str:
        own = _OWN_TEXTS.get(f"{self.label}.{name}")
        if own is None and self.function.family == "gates":
            own = _OF_GATES.get(name)
        if own is None and name == "dim" and name in self.optional:
            own = _IMPLICIT
        if own is None and self.types[name] == "ints":
            own = _REDUCED
        if own is None and self.function.family == "losses" and name == "input":
            own = self._translated(name)
        return own or _TEXTS.get(name) or self._translated(name)

    def _described(self, name: str) -> str:
        """Return the text of an argument in fastact."""
        texts = self.function._text().arguments
        first = self.function.arrays[0]
        text: str = texts[first if name == "input" else ARGUMENTS.get(name, name)]
        return text

    def _translated(self, name: str) -> str:
        """Return the text of an argument in fastact for one that is a number, in PyTorch's words."""
        said = self._described(name).partition("\n")[2].strip()
        said = re.sub(r"\s+", " ", said)
        said = re.sub(r"A number, or an array that broadcasts with the others[.;] ?", "", said)
        said = re.sub(r"(^R|: r)eal numbers; integers and booleans count as float64", "", said)
        said = re.sub(r"^\.$|\bAn array (has|is given)\b.*", "", said).strip()
        if name not in self.optional:
            said = said.replace("None leaves it out.", "").strip()
        if self.types[name] != "tensor":
            said = re.sub(r"It broadcasts to the shape of \w+; ", "", said)
        return textwrap.fill(in_its_words(said, self), 100, subsequent_indent="    ")


def _type(parameter: inspect.Parameter) -> str:
    """Return the type of an argument; that of a tensor is not written."""
    if parameter.annotation is not parameter.empty:
        return str(parameter.annotation)
    if parameter.default in (parameter.empty, None):
        return "tensor"
    return type(parameter.default).__name__


def in_its_words(text: str, one: Declared) -> str:
    """Return what fastact says of a function in PyTorch's words and with its names; values stay as they are."""
    text = text.replace("'none', False, 'tanh', True", "'none', 'tanh'")
    return "".join(
        part if part.startswith("'") else _in_its_words(part, one) for part in _QUOTED.split(text)
    )


def _in_its_words(text: str, one: Declared) -> str:
    name, label = one.function.name, one.label
    text = re.sub(rf"\b{name}(\.\w+)?\(", f"{label}(", text)
    text = text.replace(".astype(int)", ".long()")
    first, *_ = one.function.arrays
    if first != one.tensors[0]:
        text = re.sub(rf"\b{first}\b", one.tensors[0], text)
    if "dim" not in one.types:
        text = text.replace("`axis`", "dimension 1")
    return _WORD.sub(lambda found: _WORDS[found[0]], text)


def meant(name: str) -> str | None:
    """Return the name in fastact.torch of a function that has this one in fastact."""
    function = PUBLIC.get(name)
    return next((one.label for one in declared().values() if one.function is function), None)


@cache
def declared() -> dict[str, Declared]:
    """Return all functions of fastact.torch by name."""
    found = [Declared(*one) for one in (*_DECLARED, *_others())]
    return {one.label: one for one in found}


def _others() -> Iterator[tuple[str, str, None]]:
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
        yield f"{name}({', '.join(parts)})", name, None


def _parameter(name: str, default: Any) -> str:
    if name == "axis":
        return f"dim={default}" if default is not None else "dim: ints"
    name = "keepdim" if name == "keepdims" else name
    if default is inspect.Parameter.empty:
        return f"{name}: float"
    return f"{name}: float = None" if default is None else f"{name}={default!r}"
