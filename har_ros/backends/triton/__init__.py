"""Networks that run on a Triton Inference Server, or another server of the Open Inference Protocol."""
