import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ImageError
from har_ros.frames.pixels import ENCODINGS, CameraImage, to_rgb, write_rgb
from har_ros.frames.spec import Resize

STRETCH = Resize("linear")
RGB = np.random.default_rng(1).integers(0, 256, (12, 16, 3), np.uint8)
COLOUR = (200, 90, 40)


def image(pixels, encoding, padding=0, **fields):
    """Pack an array of rows into a CameraImage, with padding bytes after each row."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=123)
    height = fields.pop("height", pixels.shape[0])
    return CameraImage(rows.reshape(-1), height, pixels.shape[1], encoding, rows.shape[1], **fields)


def plain(height, width, colour=COLOUR):
    return np.full((height, width, 3), colour, np.uint8)


def yuv(rgb):
    """BT.601, studio range: ITU-R BT.601-7, 8-bit quantisation (Y 16…235, C 16…240)."""
    r, g, b = (rgb[..., i] / 255 for i in range(3))
    y = 0.299 * r + 0.587 * g + 0.114 * b
    u, v = (b - y) / 1.772, (r - y) / 1.402
    return tuple(np.round(plane).astype(np.uint8) for plane in (16 + 219 * y, 128 + 224 * u, 128 + 224 * v))


def mosaic(rgb, order):
    """Sample one colour per pixel, in 2×2 blocks of `order`."""
    raw = np.empty(rgb.shape[:2], np.uint8)
    for i, colour in enumerate(order):
        raw[i // 2 :: 2, i % 2 :: 2] = rgb[i // 2 :: 2, i % 2 :: 2, "rgb".index(colour)]
    return raw


def packed(rgb, order):
    """4:2:2: two pixels share a colour; `order` names the four bytes of two pixels."""
    y, u, v = yuv(rgb)
    planes = {"y": y[:, 0::2], "Y": y[:, 1::2], "u": u[:, 0::2], "v": v[:, 0::2]}
    return np.stack([planes[name] for name in order], -1).reshape(*y.shape, 2)


def semi_planar(rgb, order):
    """4:2:0: the image, then interleaved colour at half the size."""
    y, u, v = yuv(rgb)
    planes = {"u": u[0::2, 0::2], "v": v[0::2, 0::2]}
    return np.vstack([y, np.stack([planes[name] for name in order], -1).reshape(y.shape[0] // 2, y.shape[1])])


EXACT = {
    "rgb8": RGB,
    "bgr8": RGB[..., ::-1],
    "rgba8": np.dstack([RGB, np.full(RGB.shape[:2], 7, np.uint8)]),
    "bgra8": np.dstack([RGB[..., ::-1], np.full(RGB.shape[:2], 7, np.uint8)]),
}


@pytest.mark.parametrize("encoding", EXACT)
@pytest.mark.parametrize("padding", [0, 5])
def test_reordered_channels_come_out_as_rgb(encoding, padding):
    camera_image = image(EXACT[encoding], encoding, padding)
    slot = np.zeros_like(RGB)
    write_rgb(camera_image, STRETCH, slot)
    np.testing.assert_array_equal(slot, RGB)
    np.testing.assert_array_equal(to_rgb(camera_image), RGB)


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_mono_becomes_grey(bits, big, padding):
    raw = np.random.default_rng(4).integers(0, 1 << bits, RGB.shape[:2])
    stored = raw.astype(np.uint8 if bits == 8 else ">u2" if big else "<u2")
    slot = np.zeros_like(RGB)
    write_rgb(image(stored, f"mono{bits}", padding, is_bigendian=big), STRETCH, slot)
    np.testing.assert_array_equal(slot, np.dstack([np.round(raw / ((1 << bits) - 1) * 255)] * 3))


@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
@pytest.mark.parametrize(("bits", "big"), [(8, False), (16, False), (16, True)])
def test_bayer_patterns_give_the_colour_they_sampled(order, bits, big):
    rgb = plain(12, 16)
    raw = mosaic(rgb, order)
    if bits == 16:
        raw = (raw * 256.0 + 128).astype(">u2" if big else "<u2")
    camera_image = image(raw, f"bayer_{order}{bits}", padding=4, is_bigendian=big)
    np.testing.assert_array_equal(to_rgb(camera_image), rgb)
    slot = np.zeros((6, 6, 3), np.uint8)
    write_rgb(camera_image, Resize("linear", shorter_side=7), slot)
    np.testing.assert_array_equal(slot, plain(6, 6))


YUV = {
    "yuv422": lambda rgb: packed(rgb, "uyvY"),
    "uyvy": lambda rgb: packed(rgb, "uyvY"),
    "yuv422_yuy2": lambda rgb: packed(rgb, "yuYv"),
    "yuyv": lambda rgb: packed(rgb, "yuYv"),
    "nv12": lambda rgb: semi_planar(rgb, "uv"),
    "nv21": lambda rgb: semi_planar(rgb, "vu"),
}


@pytest.mark.parametrize("encoding", YUV)
def test_yuv_gives_the_colours_of_bt601(encoding):
    rgb = np.repeat(np.repeat(RGB[:6, :8], 2, axis=0), 2, axis=1)  # blocks of 2×2 lose nothing to shared colour
    camera_image = image(YUV[encoding](rgb), encoding, padding=2, height=rgb.shape[0])
    inside = np.all((yuv(rgb)[1] > 0, yuv(rgb)[2] > 0), axis=0)
    difference = np.abs(to_rgb(camera_image).astype(int) - rgb)[inside]
    assert difference.max() <= 4  # two roundings, up to 2.0 in blue for one step of colour


def test_all_encodings_are_tested():
    bayer = {f"bayer_{order}{bits}" for order in ("rggb", "bggr", "gbrg", "grbg") for bits in (8, 16)}
    assert set(ENCODINGS) == {*EXACT, "mono8", "mono16", *bayer, *YUV}


@pytest.mark.parametrize("encoding", ["rgb8", "bayer_rggb8", "yuyv", "nv12"])
def test_crop_is_the_same_place_in_every_encoding(encoding):
    """A picture of two halves: its centre crop shows the border in the middle."""
    rgb = np.hstack([plain(48, 40), plain(48, 40, (30, 160, 220))])
    raw = {"rgb8": rgb, "bayer_rggb8": mosaic(rgb, "rggb"), **{name: YUV[name](rgb) for name in ("yuyv", "nv12")}}
    slot = np.zeros((24, 24, 3), np.uint8)
    write_rgb(image(raw[encoding], encoding, height=48), Resize("linear", shorter_side=48), slot)
    expected = rgb[12:36, 28:52]
    difference = np.abs(slot.astype(int) - expected)
    assert difference[:, :11].max() <= 4
    assert difference[:, 13:].max() <= 4


def bilinear(rgb, rows, columns):
    """Sample at fractional positions, clamped at the border: the definition, in float64."""
    rows, columns = np.clip(rows, 0, rgb.shape[0] - 1), np.clip(columns, 0, rgb.shape[1] - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    bottom, right = np.minimum(top + 1, rgb.shape[0] - 1), np.minimum(left + 1, rgb.shape[1] - 1)
    a, b = (rows - top)[:, None, None], (columns - left)[None, :, None]
    source = rgb.astype(np.float64)
    upper = source[top][:, left] * (1 - b) + source[top][:, right] * b
    lower = source[bottom][:, left] * (1 - b) + source[bottom][:, right] * b
    return upper * (1 - a) + lower * a


@pytest.mark.parametrize(("height", "width"), [(480, 640), (240, 320), (512, 256)])
def test_shorter_side_to_256_then_centre_crop_224(height, width):
    rgb = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
    slot = np.zeros((224, 224, 3), np.uint8)
    write_rgb(image(rgb, "rgb8"), Resize("linear", shorter_side=256), slot)
    scale = min(height, width) / 256
    centres = (np.arange(224) - 111.5) * scale
    expected = bilinear(rgb, centres + (height - 1) / 2, centres + (width - 1) / 2)
    inner = np.abs(slot - expected)[1:-1, 1:-1]  # at the crop's border, enlarging would take pixels from outside it
    assert inner.max() <= 1


def test_stretch_takes_the_whole_image():
    rgb = np.random.default_rng(3).integers(0, 256, (30, 50, 3), np.uint8)
    slot = np.zeros((10, 20, 3), np.uint8)
    write_rgb(image(rgb, "rgb8"), STRETCH, slot)
    expected = bilinear(rgb, (np.arange(10) + 0.5) * 3 - 0.5, (np.arange(20) + 0.5) * 2.5 - 0.5)
    assert np.abs(slot - expected).max() <= 1


def taps(interpolation, size, new_size):
    """Return the weights (new_size×size) with which one axis is resampled: docs.opencv.org, InterpolationFlags.

    nearest: the pixel below the scaled index, as actionNet's `(float)x * scale`. linear, cubic (Keys, a = -0.75): at
    pixel centres, the border repeated. area: the mean of what a pixel covers.
    """
    scale, weights = size / new_size, np.zeros((new_size, size))
    for i in range(new_size):
        centre = (i + 0.5) * scale - 0.5
        if interpolation == "nearest":
            weights[i, int(i * scale)] = 1
        elif interpolation == "area":
            covered = np.minimum(np.arange(size) + 1, (i + 1) * scale) - np.maximum(np.arange(size), i * scale)
            weights[i] = np.clip(covered, 0, None) / scale
        else:
            reach, kernel = (1, lambda t: 1 - t) if interpolation == "linear" else (2, keys)
            for j in range(int(np.floor(centre)) - reach + 1, int(np.floor(centre)) + reach + 1):
                weights[i, np.clip(j, 0, size - 1)] += kernel(abs(centre - j))
    return weights


def keys(t, a=-0.75):
    return (a + 2) * t**3 - (a + 3) * t**2 + 1 if t <= 1 else a * (t**3 - 5 * t**2 + 8 * t - 4)


def resampled(rgb, interpolation, height, width):
    rows, columns = taps(interpolation, rgb.shape[0], height), taps(interpolation, rgb.shape[1], width)
    return np.clip(np.einsum("ih,hwc,jw->ijc", rows, rgb.astype(np.float64), columns), 0, 255)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "area"])
@given(height=st.integers(8, 40), width=st.integers(8, 40), new_height=st.integers(2, 8), new_width=st.integers(2, 8))
def test_stretch_with_every_interpolation(interpolation, height, width, new_height, new_width):
    rgb = np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)
    slot = np.zeros((new_height, new_width, 3), np.uint8)
    write_rgb(image(rgb, "rgb8"), Resize(interpolation), slot)
    expected = resampled(rgb, interpolation, new_height, new_width)
    assert np.abs(slot - expected).max() <= (0 if interpolation == "nearest" else 1.5)


@pytest.mark.parametrize("interpolation", ["nearest", "linear", "cubic", "area"])
def test_crop_with_every_interpolation(interpolation):
    """The whole image scaled by 1/2, then its centre: what the crop from the source must equal."""
    rgb = np.random.default_rng(5).integers(0, 256, (64, 96, 3), np.uint8)
    slot = np.zeros((28, 28, 3), np.uint8)
    write_rgb(image(rgb, "rgb8"), Resize(interpolation, shorter_side=32), slot)
    expected = resampled(rgb, interpolation, 32, 48)[2:30, 10:38]
    assert np.abs(slot - expected)[1:-1, 1:-1].max() <= 1.5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 0}, "empty"),
        ({"height": 0}, "empty"),
        ({"step": 47}, "step 47 is shorter than a row of 48 bytes"),
        ({"data": np.zeros(12 * 48 - 1, np.uint8)}, "575 bytes of data, 576 needed"),
        ({"encoding": "jpeg"}, "encoding 'jpeg' is unknown; use one of rgb8"),
        ({"encoding": "nv12", "step": 16, "data": np.zeros(12 * 16, np.uint8)}, "192 bytes of data, 288 needed"),
        ({"encoding": "nv12", "height": 11}, "height must be even"),
        ({"encoding": "yuyv", "width": 15}, "width must be even"),
    ],
)
def test_broken_images_are_refused_with_the_reason(changes, reason):
    fields = {"data": RGB.reshape(-1), "height": 12, "width": 16, "encoding": "rgb8", "step": 48, **changes}
    for use in (to_rgb, lambda broken: write_rgb(broken, STRETCH, np.zeros((4, 4, 3), np.uint8))):
        with pytest.raises(ImageError, match=reason):
            use(CameraImage(**fields))


@pytest.mark.parametrize(
    ("array", "encoding"),
    [
        (np.zeros((12, 16, 4), np.uint8), "bgr8"),
        (np.zeros((12, 16, 3), np.float32), "bgr8"),
        (np.zeros((12, 16), np.uint8), "bgr8"),
        (np.zeros((12, 16, 3), np.uint8), "mono8"),
        (np.zeros((12, 16), np.uint16), "mono16"),
        (np.zeros(12, np.uint8), "mono8"),
    ],
)
def test_an_array_that_is_no_image_of_its_encoding_is_refused(array, encoding):
    with pytest.raises(ImageError, match=rf"{array.dtype} and shape .* is no {encoding} image.*convert the array"):
        CameraImage.of_array(array, 1, encoding)


def test_an_array_has_the_channels_of_its_encoding():
    grey = np.arange(192, dtype=np.uint8).reshape(12, 16)
    np.testing.assert_array_equal(to_rgb(CameraImage.of_array(grey, 1, "mono8")), np.dstack([grey] * 3))
    bgra = np.dstack([RGB[:, :, ::-1], grey])
    np.testing.assert_array_equal(to_rgb(CameraImage.of_array(bgra, 1, "bgra8")), RGB)


@given(
    encoding=st.sampled_from([*ENCODINGS, "", "32FC1", "rgb"]),
    height=st.integers(0, 40),
    width=st.integers(0, 40),
    step=st.integers(0, 200),
    length=st.one_of(st.none(), st.integers(0, 9000)),
    is_bigendian=st.booleans(),
    shorter_side=st.sampled_from([None, 8, 11]),
)
def test_any_image_is_written_or_refused(encoding, height, width, step, length, is_bigendian, shorter_side):
    data = np.zeros(step * height * 3 // 2 if length is None else length, np.uint8)
    camera_image = CameraImage(data, height, width, encoding, step, is_bigendian)
    guarded = np.full((10, 8, 3), 77, np.uint8)
    try:
        write_rgb(camera_image, Resize("linear", shorter_side), guarded[1:9])
        assert to_rgb(camera_image).shape == (height, width, 3)
    except ImageError as error:
        assert "\n" not in str(error)
    assert (guarded[[0, 9]] == 77).all()
