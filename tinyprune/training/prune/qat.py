"""Training with int8 simulated, masks held: for networks that lose accuracy when they are only quantized afterwards.

Quantization-aware training moves weights off zero unless it is told not to. TensorFlow Model Optimization tells it, by
its scheme for preserving sparsity, which it takes from the zeros that it finds (Jacob et al., "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", arXiv:1712.05877).
"""

import importlib
from typing import Any

from tinyprune.errors import MissingDependency, ModelError, first_line
from tinyprune.training.prune import kernels
from tinyprune.training.quiet import quiet_tensorflow

TFMOT = "tensorflow_model_optimization"
_SCHEME = ".python.core.quantization.keras.collab_opts.prune_preserve.default_8bit_prune_preserve_quantize_scheme"


@quiet_tensorflow()
def quantization_aware(model: Any) -> Any:
    """A copy of a pruned tf_keras model that rounds as int8 in training and keeps its zeros.

    Compile it, fit it for a few epochs at a low learning rate, and give it to `tinyprune.training.quantize.quantize`.
    Raises MissingDependency without TensorFlow Model Optimization, ModelError for layers that it cannot quantize.
    """
    try:
        keras = importlib.import_module(TFMOT).quantization.keras
        scheme = importlib.import_module(TFMOT + _SCHEME).Default8BitPrunePreserveQuantizeScheme()
    except ImportError:
        raise MissingDependency(
            "quantization-aware training needs TensorFlow Model Optimization: pip install tensorflow-model-optimization"
        ) from None
    try:
        return keras.quantize_apply(keras.quantize_annotate_model(kernels.clone(model, {})), scheme)
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"model {model.name} cannot be trained quantization-aware: {first_line(error)}") from error
