"""fastact.torch: what is said of wrong arguments, in PyTorch's words."""

from __future__ import annotations

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fastact.torch needs PyTorch")

import fastact as fa  # noqa: E402
import fastact.torch as ft  # noqa: E402


def test_errors() -> None:
    cases = [
        (lambda: ft.gelu(np.ones(3)), TypeError, "input must be a torch.Tensor, not ndarray"),
        (lambda: ft.gelu(None), TypeError, "input must be a torch.Tensor, not NoneType"),
        (lambda: ft.mse_loss(torch.ones(3), None), TypeError, "target must be a torch.Tensor"),
        (lambda: ft.gelu(torch.ones(3, dtype=torch.int64)), TypeError, "dtype torch.int64"),
        (lambda: ft.gelu(torch.ones(3, dtype=torch.complex64)), TypeError, "dtype torch.complex64"),
        (lambda: ft.gelu(torch.ones(3).to_sparse()), TypeError, "sparse_coo tensor on cpu"),
        (lambda: ft.gelu(torch.ones(3), "tanh"), TypeError, "positional"),
        (lambda: ft.gelu(torch.ones(3), approximate="sigmoid"), ValueError, "approximate"),
        (lambda: ft.mse_loss(torch.ones(3), torch.ones(3).double()), TypeError, "target has dtype"),
        (
            lambda: ft.mse_loss(
                torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
            ),
            ValueError,
            "target",
        ),
        (lambda: ft.softmax(torch.ones(3), 4), IndexError, r"^softmax\(\): dim 4 is out of bounds"),
    ]
    for run, error, match in cases:
        with pytest.raises(error, match=match):
            run()


def test_errors_are_in_the_words_of_pytorch() -> None:
    x, rows = torch.ones(2, 3), torch.tensor([0, 5])
    cases = (
        (lambda x: ft.softmax(x, "rows"), r"softmax\(\): dim='rows'"),
        (lambda x: ft.logsumexp(x, 2), r"logsumexp\(\): dim 2"),
        (lambda x: ft.glu(x), r"glu\(\): dim 1 has 3 elements"),
        (lambda x: ft.gelu(x, approximate="Tanh"), "choose one of 'none', 'tanh'; did you mean"),
        # A value is shown as it was given, whatever words are in it.
        (lambda x: ft.gelu(x, approximate="the x"), r"gelu\(\): approximate='the x'"),
        (lambda x: ft.mse_loss(x, x.detach()[:1]), r"mse_loss\(\): target .* the shape of input$"),
        (lambda x: ft.huber_loss(x, x.detach(), delta=-1.0), r"huber_loss\(\): delta=-1"),
        (lambda x: ft.cross_entropy(x, rows), r"cross_entropy\(\): class 5"),
        (lambda x: ft.nll_loss(x, x.detach()), r"nll_loss\(\) takes class indices"),
        (lambda x: ft.cross_entropy(x, torch.ones(2)), r"target\.long\(\)"),
        (
            lambda x: ft.binary_cross_entropy(x + 1, x.detach()),
            r"binary_cross_entropy\(\): input\[0, 0\]=2",
        ),
        (lambda x: ft.prelu(x, torch.ones(2)), r"prelu\(\): weight has 2 .* dim 1"),
        (lambda x: ft.hardtanh(x, 1.0, -1.0), r"hardtanh\(\): min_val=1"),
    )
    for run, match in cases:
        for given in (x, x.clone().requires_grad_()):
            with pytest.raises((TypeError, ValueError, IndexError), match=match) as raised:
                run(given)
            assert not re.search(
                r"\b(axis|axes|arrays?|keepdims|ndarray|x)\b(?!')", str(raised.value)
            )
    for wrong, right in (
        ("hard_swish", "hardswish"),
        ("mse", "mse_loss"),
        ("swish", "silu"),
        ("gelo", "gelu"),
    ):
        with pytest.raises(AttributeError, match=f"'{wrong}'; did you mean '{right}'"):
            getattr(ft, wrong)
    # fastact itself, which converts tensors to arrays.
    for tensor in (torch.ones(2, requires_grad=True), torch.ones(2, device="meta")):
        with pytest.raises(TypeError, match=r"^relu\(\): x of type Tensor .*; fastact\.torch has"):
            fa.relu(tensor)
    with pytest.raises(ValueError, match=r"mse_loss\(\): target"):
        ft.mse_loss.operation.operator(x, x[:1], "mean")
