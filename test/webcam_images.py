"""Images as a visitor's webcam sends them."""

import cv2
from clips import moving


def jpeg(picture):
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


IMAGES = [jpeg(picture) for picture in moving(frames=40)]
