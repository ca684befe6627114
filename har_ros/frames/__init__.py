"""Images and windows of them: types, pixels, JPEG and PNG, sampling in time, the ring."""
