"""Losses of distances, margins, log-probabilities and classes: PyTorch's formulas, differences, errors, ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import fastact as fa
from conftest import WORST
from fastact import accuracy
from fastact.backends.registry import active
from fastact.definitions.losses import LOSSES
from fastact.reference import several

RNG = np.random.default_rng(11)
SHAPE = (6, 5)
X, Y = 2 * RNG.normal(size=(2, *SHAPE))
LOGS = np.log(RNG.uniform(0.01, 1, SHAPE))
SHARES = RNG.dirichlet(np.ones(5), 6)
SHARES[0, :2] = 0.0
COUNTS = RNG.poisson(2.0, SHAPE).astype(float)
RATES, VARIANCES = RNG.exponential(size=(2, *SHAPE)) + 0.05
SIGNS = np.where(RNG.random(SHAPE) < 0.5, -1.0, 1.0)
SOFT = RNG.uniform(size=SHAPE)
SOFT[0] = [0, 1, 1, 0, 1]
CLASSES = np.array([0, 3, -100, 2, 4, 3])


def xlogy(x: Any, y: Any) -> Any:
    return x * np.log(np.where(x == 0, 1.0, y))


def sigmoid_focal(x: Any, t: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    """torchvision.ops.sigmoid_focal_loss, line by line."""
    p = 1 / (1 + np.exp(-x))
    entropy = t * np.logaddexp(0, -x) + (1 - t) * np.logaddexp(0, x)
    loss = entropy * (1 - (p * t + (1 - p) * (1 - t))) ** gamma
    return (alpha * t + (1 - alpha) * (1 - t)) * loss if alpha >= 0 else loss


def softmax_focal(x: Any, t: Any, alpha: float = 0.25, gamma: float = 2.0) -> Any:
    logs = (x - np.logaddexp.reduce(x, -1, keepdims=True))[np.arange(len(t)), t.clip(0)]
    return np.where(t < 0, 0.0, -alpha * (1 - np.exp(logs)) ** gamma * logs)


def stirling(t: Any) -> Any:
    above = np.where(t > 1, t, 1.0)
    return np.where(t > 1, above * np.log(above) - t + 0.5 * np.log(2 * np.pi * above), 0.0)


def huber(x: Any, t: Any, delta: float = 1.0) -> Any:
    d = abs(x - t)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def poisson(x: Any, t: Any, log_input: bool = True, full: bool = False, eps: float = 1e-8) -> Any:
    value = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    return value + stirling(t) if full else value


def gaussian(x: Any, t: Any, var: Any, full: bool = False, eps: float = 1e-6) -> Any:
    v = np.maximum(var, eps)
    return 0.5 * (np.log(v) + (x - t) ** 2 / v) + full * 0.5 * np.log(2 * np.pi)


class Case(NamedTuple):
    name: str
    formula: Callable[..., Any]
    arrays: tuple[Any, ...]
    options: dict[str, Any] = {}  # noqa: RUF012  (never changed)


CASES = [
    Case("mse", lambda x, t: (x - t) ** 2, (X, Y)),
    Case("l1", lambda x, t: abs(x - t), (X, Y)),
    Case("huber", huber, (X, Y)),
    Case("huber", huber, (X, Y), {"delta": 0.7}),
    Case("smooth_l1", lambda x, t, beta=1.0: huber(x, t, beta) / beta, (X, Y)),
    Case("smooth_l1", lambda x, t, beta=1.0: huber(x, t, beta) / beta, (X, Y), {"beta": 1.3}),
    Case("smooth_l1", lambda x, t, beta: abs(x - t), (X, Y), {"beta": 0.0}),
    Case("log_cosh", lambda x, t: np.log(np.cosh(x - t)), (X, Y)),
    Case("hinge", lambda x, t: np.maximum(1 - t * x, 0), (X, SIGNS)),
    Case("squared_hinge", lambda x, t: np.maximum(1 - t * x, 0) ** 2, (X, SIGNS)),
    Case("kl_div", lambda x, t: xlogy(t, t) - t * x, (LOGS, SHARES)),
    Case(
        "kl_div",
        lambda x, t, log_target: np.exp(t) * (t - x),
        (LOGS, LOGS[::-1]),
        {"log_target": True},
    ),
    Case("poisson_nll", poisson, (X, COUNTS)),
    Case("poisson_nll", poisson, (X, COUNTS), {"full": True}),
    Case("poisson_nll", poisson, (RATES, COUNTS), {"log_input": False, "eps": 0.01}),
    Case("poisson_nll", poisson, (RATES, COUNTS), {"log_input": False, "full": True}),
    Case("gaussian_nll", gaussian, (X, Y, VARIANCES)),
    Case("gaussian_nll", gaussian, (X, Y, VARIANCES), {"full": True, "eps": 0.01}),
    Case("gaussian_nll", gaussian, (X, Y, VARIANCES[0])),
    Case("gaussian_nll", gaussian, (X, Y, VARIANCES[:, :1])),
    Case("sigmoid_focal", sigmoid_focal, (X, SOFT)),
    Case("sigmoid_focal", sigmoid_focal, (X, SOFT), {"alpha": -1, "gamma": 0.0}),
    Case("sigmoid_focal", sigmoid_focal, (X, SOFT), {"alpha": 0.6, "gamma": 3.5}),
    Case("nll", lambda x, t: np.where(t < 0, 0.0, -x[np.arange(6), t.clip(0)]), (LOGS, CLASSES)),
    Case("softmax_focal", softmax_focal, (X, CLASSES)),
    Case("softmax_focal", softmax_focal, (X, CLASSES), {"alpha": 1.0, "gamma": 0.7}),
]


def differences(formula: Callable[..., Any], arrays: list[np.ndarray], place: int) -> np.ndarray:
    """The gradient of the formula's sum with respect to one of its arrays, by central differences."""
    found = np.empty(arrays[place].shape)
    for at in np.ndindex(found.shape):
        sums = []
        for step in (1e-5, -1e-5):
            moved = [np.array(one) for one in arrays]
            moved[place][at] += step
            sums.append(np.sum(formula(*moved)))
        found[at] = (sums[0] - sums[1]) / 2e-5
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} {case.options}")
def test_the_formula_and_its_differences(case: Case, backend: str) -> None:
    loss, (name, formula, arrays, options) = fa.get(case.name), case
    expected = formula(*arrays, **options)
    counted = np.count_nonzero(CLASSES >= 0) if arrays[1] is CLASSES else expected.size
    places = [0, 2][: len(arrays) - 1] if name == "gaussian_nll" else [0]
    slopes = [
        differences(lambda *a: formula(*a, **options), [*map(np.asarray, arrays)], place)
        for place in places
    ]
    weights = [None] if arrays[1] is CLASSES else [None, RNG.uniform(size=5)]
    for weight in weights:
        for reduction, count in (("none", 1), ("sum", 1), ("mean", counted)):
            given = {**options, "reduction": reduction, "weight": weight}
            whole = expected if weight is None else weight * expected
            value = whole if reduction == "none" else whole.sum() / count
            np.testing.assert_allclose(loss(*arrays, **given), value, rtol=1e-12, atol=1e-14)
            again, *gradients = loss.value_and_grad(*arrays, **given)
            np.testing.assert_allclose(again, value, rtol=1e-12, atol=1e-14)
            g = 0.5 * np.ones(np.shape(value))
            products = loss.vjp(g, *arrays, **given)
            products = products if isinstance(products, tuple) else (products,)
            for gradient, product in zip(gradients, products, strict=True):
                np.testing.assert_allclose(product, gradient / 2, rtol=1e-13, atol=1e-300)
            if weight is None:
                for gradient, slope in zip(gradients, slopes, strict=True):
                    assert gradient.shape == slope.shape
                    np.testing.assert_allclose(gradient, slope / count, rtol=1e-6, atol=1e-8)
            else:  # the weight of a column is that of its gradients
                unweighted = loss.value_and_grad(*arrays, **{**given, "weight": None})[1]
                np.testing.assert_allclose(gradients[0], weight * unweighted, rtol=1e-12)


def operands(name: str, dtype: type, count: int) -> tuple[np.ndarray, ...]:
    """Operands for which no digits cancel: over all bit patterns, and of moderate size."""
    x = accuracy.samples(dtype, count)
    x = RNG.permutation(x[np.isfinite(x)])
    z = RNG.normal(size=(2, x.size)) * 4
    if name in ("kl_div", "_kl_div_log_target"):
        if name == "kl_div":  # log t and -x of one sign
            t = np.abs(x[::-1])
            return np.copysign(x, 1 - t), t
        t = RNG.uniform(-110, 0, x.size)
        return np.concatenate([x, 3 * t]), np.concatenate([t, t])
    if "hinge" in name or name == "sigmoid_focal":
        labels = RNG.integers(0, 2, 2 * x.size)
        return np.concatenate([x, z[0]]), 2 * labels - 1 if "hinge" in name else labels
    near = x * (1 + RNG.normal(size=x.size) * 10.0 ** RNG.uniform(-7, 0, x.size))
    return np.concatenate([x, x, z[0]]), np.concatenate([x[::-1], near, z[1]])


PARAMETERS = {"huber": (1.0, 0.3), "smooth_l1": (1.0, 0.0, 0.3), "sigmoid_focal": (0.25, -1.0)}
ACCURATE = [
    *("mse", "l1", "huber", "smooth_l1", "log_cosh", "hinge", "squared_hinge"),
    *("kl_div", "_kl_div_log_target", "sigmoid_focal"),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACCURATE)
def test_errors(name: str, dtype: type, backend: str) -> None:
    if dtype is np.float64:
        pytest.importorskip("mpmath")
        if backend == "numpy":
            pytest.skip("double precision in double precision has no bound")
    declaration = LOSSES[name]
    with np.errstate(all="ignore"):
        x, t = (
            a.astype(dtype) for a in operands(name, dtype, 1 << 15 if dtype is np.float32 else 200)
        )
    x, t = x[np.isfinite(t)], t[np.isfinite(t)]
    for parameter in PARAMETERS.get(name, (None,)):
        params = list(declaration.defaults)
        if parameter is not None:
            params[1] = parameter
        outputs = np.empty((2, *x.shape), dtype)
        active().kernel(name, "value_and_grad", np.dtype(dtype))(x, t, *outputs, *params)
        truths: Any
        if dtype is np.float32:
            truths = several.evaluate(name, "value_and_grad", x, t, *params)
        else:
            pairs = zip(x.tolist(), t.tolist(), strict=True)
            rows = [several.exact(name, "value_and_grad", *pair, *params) for pair in pairs]
            truths = [np.array(column, dtype=object) for column in zip(*rows, strict=True)]
        for pass_, got, true in zip(("forward", "vjp"), outputs, truths, strict=True):
            error = accuracy.ulp_error(got, true)
            at = int(np.argmax(error))
            shown = f"{error[at]:.3f} ulp at {x[at]!r}, {t[at]!r}"
            WORST[f"{name} {pass_} {dtype.__name__} {parameter}"] = shown
            plain = params == list(declaration.defaults)
            assert error[at] <= declaration.most(pass_, plain), shown


INF, NAN = np.inf, np.nan


def test_ends_and_kinks(backend: str) -> None:
    """Infinities and NaN, a difference that overflows, the kinks, and tails of the focal loss."""
    big = 3e38
    for name, x, t, options, loss, slope in (
        ("mse", [0, INF, NAN, 1], [0, 0, 0, NAN], {}, [0, INF, NAN, NAN], [0, INF, NAN, NAN]),
        ("l1", [1, -INF, NAN], [1, 0, 0], {}, [0, INF, NAN], [0, -1, NAN]),
        ("huber", [1, -1, INF, NAN], [0, 0, 0, 0], {}, [0.5, 0.5, INF, NAN], [1, -1, 1, NAN]),
        ("smooth_l1", [0, 2, NAN], [0, 0, 0], {"beta": 0}, [0, 2, NAN], [0, 1, NAN]),
        ("log_cosh", [0, -INF, NAN], [0, 0, 0], {}, [0, INF, NAN], [0, -1, NAN]),
        ("hinge", [1, -INF, INF, NAN], [1, 1, 1, 1], {}, [0, INF, 0, NAN], [0, -1, 0, NAN]),
        ("squared_hinge", [1, INF, NAN], [1, 1, 1], {}, [0, 0, NAN], [0, 0, NAN]),
        ("kl_div", [-INF, -INF, NAN, 0], [0, 1, 0, -1], {}, [0, INF, NAN, NAN], [0, -1, 0, 1]),
        ("kl_div", [-INF, -1], [-INF, 0], {"log_target": True}, [0, 1], [0, -1]),
        ("poisson_nll", [-INF, -INF, INF], [0, 1, 0], {}, [0, INF, INF], [0, -1, INF]),
        ("sigmoid_focal", [INF, INF, -INF, NAN], [1, 0, 1, 1], {"alpha": -1},
         [0, INF, INF, NAN], [0, 1, -1, NAN]),
        ("sigmoid_focal", [-200, 200], [1, 0], {"alpha": -1}, [200, 200], [-1, 1]),
    ):  # fmt: skip
        for dtype in ("float32", "float64"):
            given = np.array(x, dtype), np.array(t, dtype)
            got = fa.get(name).value_and_grad(*given, reduction="none", **options)
            np.testing.assert_allclose(got[0], loss, rtol=1e-6, err_msg=name)
            np.testing.assert_allclose(got[1], slope, rtol=1e-6, err_msg=name)
    far = np.float32([big]), np.float32([-big])
    _, slope = fa.mse.value_and_grad(*far, weight=1e-3)
    np.testing.assert_allclose(slope, [1.2e36], rtol=1e-6)
    np.testing.assert_allclose(fa.huber(*far, delta=1e-3), 6e35, rtol=1e-6)
    gradients = fa.gaussian_nll.vjp(1.0, *far, np.float32([1e38]))
    np.testing.assert_allclose(gradients, [[6.0], [-18.0]], rtol=1e-6)
    x = np.linspace(-800, 800, 4001)
    for t in (0.0, 0.3, 1.0):
        outputs = fa.sigmoid_focal.value_and_grad(x, np.full_like(x, t), gamma=0.5)
        assert all(np.isfinite(output).all() for output in outputs)


def test_reductions_and_broadcast_variances() -> None:
    total = fa.kl_div(LOGS, SHARES, reduction="sum")
    batch, slope = fa.kl_div.value_and_grad(LOGS, SHARES, reduction="batchmean")
    assert batch == pytest.approx(total / 6, rel=1e-14)
    np.testing.assert_allclose(slope, -SHARES / 6)
    masked = np.ma.masked_array(LOGS, np.arange(6)[:, None] * np.ones(5) == 2)
    kept = np.arange(6) != 2
    expected = fa.kl_div(LOGS[kept], SHARES[kept], reduction="batchmean")
    assert fa.kl_div(masked, SHARES, reduction="batchmean") == pytest.approx(expected, rel=1e-14)
    out = np.empty(SHAPE), np.empty(())
    _, dx, dvar = fa.gaussian_nll.value_and_grad(X, Y, 0.5, out=out)
    assert dx is out[0] and dvar is out[1]
    _, _, whole = fa.gaussian_nll.value_and_grad(X, Y, np.full(SHAPE, 0.5))
    assert dvar == pytest.approx(whole.sum(), rel=1e-13)
    for dtype in (np.float16, np.float32):
        arrays = [a.astype(dtype) for a in (X, Y, VARIANCES)]
        loss, *gradients = fa.gaussian_nll.value_and_grad(*arrays)
        assert {loss.dtype, *(one.dtype for one in gradients)} == {np.dtype(dtype)}
        np.testing.assert_allclose(loss, gaussian(X, Y, VARIANCES).mean(), rtol=2e-3)


def test_several_ignored_classes_and_the_mean_of_nothing() -> None:
    target, kept = np.array([0, 1, 2, -1, 4, 1]), [0, 2, 4]
    for loss, x in ((fa.cross_entropy, X), (fa.nll, LOGS), (fa.softmax_focal, X)):
        value, slope = loss.value_and_grad(x, target, ignore_index=(1, -1))
        expected, slope_of_kept = loss.value_and_grad(x[kept], target[kept])
        assert value == pytest.approx(expected, rel=1e-14)
        np.testing.assert_array_equal(slope[kept], slope_of_kept)
        assert not slope[[1, 3, 5]].any()
        nothing = {"ignore_index": np.unique(target)}
        assert np.isnan(loss(x, target, **nothing))
        value, slope = loss.value_and_grad(x, target, **nothing, empty=0.0)
        assert value == 0
        assert not slope.any()
        assert loss(x, target, **nothing, reduction="sum", empty=7.0) == 0
        with pytest.raises(IndexError, match="class 9 is out of range for 5"):
            loss(x, target + 9 * (target == 0), ignore_index=[1, -1])
    weight = RNG.uniform(size=5)
    options = {"weight": weight, "ignore_index": -1}
    np.testing.assert_allclose(
        fa.softmax_focal(X, target, alpha=1.0, gamma=0.0, **options),
        fa.cross_entropy(X, target, **options),
        rtol=1e-14,
    )
    alpha = np.arange(5.0)
    each = fa.softmax_focal(X, target, alpha=alpha, ignore_index=-1, reduction="none")
    plain = fa.softmax_focal(X, target, alpha=1.0, ignore_index=-1, reduction="none")
    np.testing.assert_allclose(each, alpha[target] * plain, rtol=1e-14)
    # 1 - p keeps its digits, and an infinite logit on the wrong side an infinite loss.
    loss, slope = fa.softmax_focal.value_and_grad(
        [[40.0, 0.0], [0.0, -np.inf]], [0, 1], alpha=1.0, gamma=1.0, reduction="none"
    )
    small = np.exp(-40.0)
    np.testing.assert_allclose(loss, [small**2, np.inf], rtol=1e-13)
    np.testing.assert_allclose(slope[0], [-2 * small**2, 2 * small**2], rtol=1e-13)
    np.testing.assert_array_equal(slope[1], [1, -1])


def test_one_clear_error() -> None:
    hard = X, np.array([0, 1, 2, 3, 4, 0])
    for call, error, message in (
        (lambda: fa.cross_entropy(*hard, label_smoothing=1.5), ValueError, r"in \[0, 1\]"),
        (lambda: fa.cross_entropy(*hard, label_smoothing="0"), TypeError, "expected a number"),
        (lambda: fa.cross_entropy(*hard, label_smoothing=[0.1]), TypeError, "expected a number"),
        (lambda: fa.cross_entropy(*hard, ignore_index=1.5), TypeError, "sequence of integers"),
        (lambda: fa.cross_entropy(*hard, ignore_index="0"), TypeError, "sequence of integers"),
        (lambda: fa.cross_entropy(*hard, empty="0"), TypeError, "empty='0'"),
        (lambda: fa.nll(X, X), TypeError, "takes class indices as target"),
        (lambda: fa.softmax_focal(*hard, gamma=-1), ValueError, "0 <= gamma"),
        (lambda: fa.softmax_focal(*hard, alpha=[1.0]), ValueError, "one value per class"),
        (lambda: fa.huber(X, Y, delta=0), ValueError, "delta > 0"),
        (lambda: fa.smooth_l1(X, Y, beta=-1), ValueError, "beta == 0 or"),
        (lambda: fa.sigmoid_focal(X, SOFT, alpha=2), ValueError, "0 <= alpha <= 1"),
        (lambda: fa.kl_div(X, Y, log_target=2), ValueError, "choose one of True, False"),
        (lambda: fa.mse(X, Y, reduction="batchmean"), ValueError, "'mean', 'sum', 'none'$"),
        (lambda: fa.gaussian_nll(X, Y), TypeError, "'var'"),
        (lambda: fa.gaussian_nll(X, Y, 1.0, 2.0), TypeError, "positional"),
        (lambda: fa.gaussian_nll(X, Y, -VARIANCES), ValueError, "var >= 0"),
        (lambda: fa.gaussian_nll.vjp(1.0, X, Y, X * X, out=(X, X)), ValueError, "share memory"),
    ):
        with pytest.raises(error, match=message):
            call()


@pytest.mark.filterwarnings("ignore:reduction")
def test_torch_agrees() -> None:
    """The same names of parameters, defaults and numbers."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    names = {"l1": "l1_loss", "mse": "mse_loss", "huber": "huber_loss", "nll": "nll_loss"}
    names |= {"smooth_l1": "smooth_l1_loss", "kl_div": "kl_div"}
    names |= {"poisson_nll": "poisson_nll_loss", "gaussian_nll": "gaussian_nll_loss"}
    for name, _, arrays, options in CASES:
        if name not in names or np.shape(arrays[-1]) == (5,):  # a variance in NumPy's alignment
            continue
        for reduction in ("mean", "sum", "none"):
            tensors = [torch.tensor(array.copy()) for array in arrays]
            tensors[0].requires_grad_()
            given = {**options, "reduction": reduction}
            value = getattr(functional, names[name])(*tensors, **given)
            value.sum().backward()
            got, slope, *_ = fa.get(name).value_and_grad(*arrays, **given)
            np.testing.assert_allclose(got, value.detach().numpy(), rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(slope, tensors[0].grad.numpy(), rtol=1e-12, atol=1e-14)
