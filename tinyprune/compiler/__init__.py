"""`.tflite` → Graph → Program, with NumPy only."""
