"""Above the .tflite: data, training, pruning, quantization, the zoo. TensorFlow is imported here and nowhere else."""
