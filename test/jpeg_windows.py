"""What is left of a window that was a JPEG."""

import cv2
import numpy as np


def decoded(data, shape):
    return cv2.cvtColor(cv2.imdecode(np.asarray(data), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).reshape(shape)
