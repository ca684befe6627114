"""ONNX graphs: the only room that writes them."""
