"""Small pictures and videos of them, of a given brightness."""

import cv2
import numpy as np


def picture(brightness, height=48, width=64):
    return np.full((height, width, 3), brightness, np.uint8)


def write_video(path, count, rate=25.0, codec="MJPG"):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), rate, (64, 48))
    for i in range(count):
        writer.write(picture(10 * i % 256))
    writer.release()
    return str(path)


def write_pictures(folder, names, **size):
    folder.mkdir()
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(10 * i, **size))
    return str(folder)
