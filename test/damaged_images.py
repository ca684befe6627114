"""Compressed images as a bad day or an attacker sends them: mutations of real ones, and files made to cost much."""

import io
import resource
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"


def scene(height, width):
    """Return a smooth picture, uint8 H×W×3."""
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([rows / 20, columns / 20, (rows + columns) / 30], axis=2)
    return (128 + 100 * np.sin(waves)).astype(np.uint8)


def chunk(kind, content):
    """Return a chunk of a PNG, its checksum right."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(height, width, depth=8, colour=2, before=b"", pixels=None, interlaced=0):
    """Return a PNG, black unless `pixels` are given, as zlib has them; before: chunks ahead of them."""
    if pixels is None:
        row = 1 + width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] // 8
        pixels = zlib.compress(bytes(height * row), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return PNG + chunk(b"IHDR", header) + before + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def saved(pixels, kind, mode="RGB", **options):
    """Return a picture as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def turned_jpeg(height, width):
    """Return a JPEG that a viewer shows turned by 90 degrees."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(scene(height, width), "JPEG", exif=exif)


def real_images():
    """Return images of many kinds that cameras and other programs write."""
    picture = scene(96, 128)
    encoded = [cv2.imencode(kind, picture)[1].tobytes() for kind in (".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif")]
    progressive = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    deep = cv2.imencode(".png", picture.astype(np.uint16) * 257)[1].tobytes()
    cmyk = saved(picture, "JPEG", "CMYK")
    return [*encoded, progressive, deep, cmyk, turned_jpeg(96, 128), saved(picture, "PNG", "P"), png(64, 64, 1, 0)]


def costly_images():
    """Return small files that name much or unpack to much."""
    gigabyte = zlib.compressobj(9)
    zeros = b"".join(gigabyte.compress(bytes(1 << 20)) for _ in range(64)) + gigabyte.flush()
    text = chunk(b"zTXt", b"a\0\0" + zeros)
    animation = chunk(b"acTL", struct.pack(">II", 1 << 30, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 1 << 14, 1 << 14, 0, 0, 1, 10, 0, 0))
    profile = chunk(b"iCCP", b"a\0\0" + zeros)
    images = [png(64, 64, before=part) for part in (text * 8, profile, chunk(b"iTXt", b"a\0\1\0\0\0" + zeros))]
    images += [png(64, 64, before=animation + frame), png(64, 64, pixels=zeros)]
    for size in (0, 1 << 14, 50_000, 0x7FFFFFFF, 0xFFFFFFFF):
        images.append(changed(png(8, 8), 16, struct.pack(">II", size, size)))
    jpeg = cv2.imencode(".jpg", scene(64, 64), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    at = jpeg.index(b"\xff\xc2")
    images += [changed(jpeg, at + 5, struct.pack(">HH", size, size)) for size in (0, 5000, 8000, 65535)]
    images.append(changed(png(64, 64), 33, b"\xf7\xff\xff\xff"))  # the length of its chunk of pixels
    return [*images, many_scans(4096, 4096, 100)]


def many_scans(height, width, count):
    """Return a black progressive JPEG whose last scan comes so many times again."""
    jpeg = cv2.imencode(".jpg", np.zeros((height, width), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    return jpeg[:-2] + jpeg[jpeg.rindex(b"\xff\xc4") : -2] * count + b"\xff\xd9"


def changed(data, at, new):
    """Return the bytes with new ones in place of those at `at`."""
    return data[:at] + new + data[at + len(new) :]


def damaged(images, random):
    """Return one of the images with one to three faults; a part of one may be replaced by another's."""
    data = random.choice(images)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(data) + 1)
        fault = random.choice(("bits", "cut", "number", "splice", "repeat", "checksum"))
        if fault == "bits":
            data = changed(data, at, bytes([random.randrange(256)]))[: len(data)]
        elif fault == "cut":
            data = data[: max(4, at)]
        elif fault == "number":
            size = random.choice((2, 4))
            value = random.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF)) & ((1 << 8 * size) - 1)
            data = changed(data, min(at, 200) if random.random() < 0.5 else at, value.to_bytes(size, "big"))
        elif fault == "splice":
            other = random.choice(images)
            begin = random.randrange(len(other))
            data = data[:at] + other[begin : begin + random.randrange(1, 2000)] + data[at:]
        elif fault == "repeat":
            data = data[:at] + data[at : at + 300] * random.randint(2, 50) + data[at:]
        elif data.startswith(PNG):
            data = with_checksums(data)
    return data


def with_checksums(data):
    """Return a PNG whose chunks have right checksums, as far as its chunks can be told."""
    at, out = 8, [data[:8]]
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        out.append(chunk(data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join([*out, data[at:]])


def peak():
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
