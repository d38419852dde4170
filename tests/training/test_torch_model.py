"""Networks of PyTorch, exported or in memory, become int8 networks that answer as PyTorch does."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinyprune
from tinyprune.compiler import reader, sparsity
from tinyprune.errors import ModelError, UsageError
from tinyprune.training import keras_model, torch_model

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("litert_torch", reason="litert-torch is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # of PyTorch, JAX and litert-torch about one another
nn = torch.nn


class Net(nn.Module):  # type: ignore[misc,name-defined]
    """Batch norm, max pooling, a residual, a padded stride and a flattened map."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.last = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.dense = nn.Linear(8 * 4 * 3, 4)

    def forward(self, x: Any) -> Any:
        x = nn.functional.max_pool2d(torch.relu(self.norm(self.first(x))), 2)
        x = torch.relu(x + self.inner(x))
        return self.dense(torch.relu(self.last(x)).flatten(1))


@pytest.fixture(scope="module")
def net() -> Any:
    torch.manual_seed(0)
    model = Net()
    with torch.no_grad():  # statistics of the data
        for _ in range(50):
            model(torch.randn(32, 1, 16, 12))
    return model.eval()


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 1, 16, 12)).astype(np.float32)


def export(model: Any, path: Path, batch: int = 1, **options: Any) -> Path:
    torch.export.save(torch.export.export(model, (torch.zeros(batch, 1, 16, 12),), **options), path)
    return path


def test_an_exported_network_is_quantized_as_one_in_memory(net: Any, samples: np.ndarray, tmp_path: Path) -> None:
    with torch.no_grad():
        classes = net(torch.from_numpy(samples)).argmax(dim=1).numpy()
    found = tinyprune.quantize(export(net, tmp_path / "net.pt2"), samples, labels=classes)
    assert found.agreement is not None
    assert (found.agreement.float_correct, found.notes) == (64, ())
    assert (found.agreement.int8_correct or 0) > 57
    turned = tinyprune.quantize(net, samples)
    assert len(turned.layers) == len(found.layers)
    assert {"first", "inner", "last", "dense"} <= {layer.name for layer in turned.layers}  # an export forgets them
    assert not net.training
    first = reader.read(found.tflite).ops[0]
    assert type(first).__name__ == "Conv2D"  # of one channel, though converters make it depthwise


@pytest.mark.parametrize("size", ["any", "fixed"])
def test_the_size_of_the_batch_may_be_open(net: Any, tmp_path: Path, size: str) -> None:
    shapes = ({0: torch.export.Dim.DYNAMIC},) if size == "any" else None
    path = export(net, tmp_path / "net.pt2", 4, dynamic_shapes=shapes)
    if size == "any":
        assert keras_model.load(path).input_shape == (None, 16, 12, 1)
        return
    with pytest.raises(ModelError, match=r"net.pt2 was exported for a batch of 4: export it with one sample"):
        keras_model.load(path)


def test_pruned_masks_arrive(net: Any, samples: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "pruned.tflite"
    report = tinyprune.prune(export(net, tmp_path / "net.pt2"), "2:4", data=samples, method="reconstruct", output=path)
    assert sum(layer.pruned for layer in report.layers) == 4
    graph = reader.read(tinyprune.quantize(path, samples).tflite)
    assert {sparsity.discover(op.matrix) for op in graph.ops if op.matrix is not None} == {"2:4"}


def test_what_cannot_be_taken_gets_a_sentence(net: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a PyTorch model needs samples"):
        keras_model.given(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = export(Net().train(), tmp_path / "training.pt2")
    with pytest.raises(ModelError, match=r"was exported while it was training: call model.eval\(\)"):
        keras_model.load(path)
    two = torch.export.export(nn.Bilinear(2, 2, 2).eval(), (torch.zeros(1, 2), torch.zeros(1, 2)))
    with pytest.raises(ModelError, match="model ExportedProgram does not take one tensor"):
        torch_model.from_module(two, (2,))
