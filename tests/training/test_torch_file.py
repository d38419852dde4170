"""A .pt2 file is read without running what somebody put into it; what is not plain is refused before it is loaded."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tinyprune.errors import ModelError
from tinyprune.training import torch_file

NODE = {"target": "torch.ops.aten.relu.default", "inputs": [], "outputs": [], "metadata": {"stack_trace": "x()"}}
GRAPH: dict[str, Any] = {
    "graph_module": {"graph": {"nodes": [NODE]}, "module_call_graph": [{"in_spec": '[1, {"type": null}]'}]},
    "guards_code": ["print(1)"],
    "torch_version": "2.13.0+cpu",
}


def archive(path: Path, graph: Any = GRAPH, **others: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("net/models/model.json", json.dumps(graph))
        for name, content in others.items():
            file.writestr(f"net/data/{name.replace('__', '/')}", content)
    return path


def changed(**fields: Any) -> dict[str, Any]:
    return {**GRAPH, "graph_module": {"graph": {"nodes": [{**NODE, **fields}]}}}


ODD: dict[str, tuple[Any, dict[str, bytes], str]] = {
    "another function": (changed(target="torch.hub.load"), {}, "has a target of a kind that is not known"),
    "a file as a tensor": (changed(target="torch.ops.aten.from_file.default"), {}, "has a target"),
    "a builtin": (changed(target="_operator.call"), {}, "has a target"),
    "digits in many ways": (
        changed(inputs=[{"expr_str": "1" * 80 + "!"}]),
        {},
        "has a expr_str",
    ),
    "an expression": (changed(inputs=[{"expr_str": "__import__('os').system('x')"}]), {}, "has a expr_str"),
    "code as a name": (changed(name="x); import os  #"), {}, "has a name of a kind"),
    "a custom object": (GRAPH, {"constants__custom_obj_0": b""}, "holds net/data/constants/custom_obj_0"),
    "old weights": (GRAPH, {"weights__model.pt": b""}, "holds net/data/weights/model.pt"),
    "pickled tensors": (
        GRAPH,
        {"weights__model_weights_config.json": b'{"config": {"w": {"path_name": "weight_0", "use_pickle": true}}}'},
        "has pickled tensors",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_not_plain_is_refused_before_anything_is_loaded(tmp_path: Path, case: str) -> None:
    graph, others, sentence = ODD[case]
    path = archive(tmp_path / "net.pt2", graph, **others)
    with pytest.raises(ModelError, match=rf"net.pt2 {sentence}.*allow that with --trust"):
        torch_file.read(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive", b"\x80\x04\x95."])
def test_damaged_files_get_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pt2").write_bytes(content)
    with pytest.raises(ModelError, match=r"net.pt2 is damaged or no .pt2 file"):
        torch_file.read(tmp_path / "net.pt2")


def test_code_and_remarks_are_left_out_of_the_copy(tmp_path: Path) -> None:
    content = torch_file._copy(archive(tmp_path / "net.pt2"))
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        graph = json.loads(file.read("net/models/model.json"))
    assert "guards_code" not in graph
    assert graph["graph_module"]["graph"]["nodes"][0]["metadata"] == {}
    assert graph["torch_version"] == "2.13.0+cpu"


class Runs:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Path]]:
        return Path.touch, (self.marker,)


def test_a_real_file_is_read_and_a_pickle_in_it_is_not(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    path, marker = tmp_path / "net.pt2", tmp_path / "it-ran"
    program = torch.export.export(torch.nn.Linear(4, 2).eval(), (torch.zeros(1, 4),))
    torch.export.save(program, path)
    read = torch_file.read(path)
    inputs = torch.arange(4.0)[None]
    assert torch.equal(read.module(check_guards=False)(inputs), program.module()(inputs))
    evil = io.BytesIO()
    torch.save((Runs(marker),), evil)
    with zipfile.ZipFile(path) as good, zipfile.ZipFile(tmp_path / "evil.pt2", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, evil.getvalue() if name.endswith("sample_inputs/model.pt") else good.read(name))
    with pytest.raises(ModelError, match=r"evil.pt2 has a pickled object as its example input"):
        torch_file.read(tmp_path / "evil.pt2")
    assert not marker.exists()
    torch.load(io.BytesIO(evil.getvalue()), weights_only=False)  # as PyTorch itself would have read it
    assert marker.exists()
