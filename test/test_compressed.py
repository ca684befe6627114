import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.card import Resize
from har_ros.compressed import EncodedImage, decode, decode_all, image_size
from har_ros.errors import ImageError
from har_ros.pixels import CameraImage

STRETCH = Resize(interpolation="linear")
SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


def scene(height, width):
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([rows / 20, columns / 20, (rows + columns) / 30], axis=2)
    return (128 + 100 * np.sin(waves)).astype(np.uint8)


def encoded(pixels, extension=".jpg", parameters=()):
    return EncodedImage(cv2.imencode(extension, pixels, parameters)[1].reshape(-1), 7, "camera")


@given(SIZES, st.sampled_from([".jpg", ".png"]), st.sampled_from([(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)]))
def test_headers_tell_the_size(size, extension, parameters):
    parameters = parameters if extension == ".jpg" else ()
    assert image_size(encoded(scene(*size), extension, parameters).data) == size


def test_a_png_comes_out_as_it_went_in():
    image = decode_all(encoded(scene(30, 40), ".png"))
    np.testing.assert_array_equal(image.data.reshape(30, 40, 3), scene(30, 40))
    assert (image.encoding, image.stamp, image.frame_id) == ("bgr8", 7, "camera")


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [
        ((480, 640), STRETCH, (240, 320)),  # a half is enough for 224x224, a quarter is not
        ((1080, 1920), STRETCH, (270, 480)),
        ((1080, 1920), Resize("linear", shorter_side=256), (270, 480)),
        ((480, 640), Resize("linear", shorter_side=256), (480, 640)),  # a half has 240 rows
        ((223, 640), STRETCH, (223, 640)),
        ((4000, 4000), STRETCH, (500, 500)),
    ],
)
def test_a_jpeg_is_decoded_no_larger_than_needed(size, resize, expected):
    image = decode(encoded(scene(*size)), resize, 224, 224)
    assert (image.height, image.width) == expected
    whole = decode_all(encoded(scene(*size)))
    assert (whole.height, whole.width) == size
    smaller = cv2.resize(whole.data.reshape(*size, 3), expected[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(image.data.reshape(*expected, 3).astype(int), smaller, atol=12)


def test_a_png_is_decoded_whole_since_less_would_cost_more():
    assert decode(encoded(scene(480, 640), ".png"), STRETCH, 100, 100).height == 480


@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_an_image_without_its_end_says_so(extension):
    data = encoded(scene(64, 48), extension).data
    with pytest.raises(ImageError, match=rf"ends behind {data.size - 12} bytes, too early"):
        decode_all(EncodedImage(data[:-12]))


def test_fill_bytes_may_stand_before_a_marker():
    """ITU-T T.81, B.1.1.2."""
    data = encoded(scene(30, 40)).data
    assert image_size(np.insert(data, [2, 2], 0xFF)) == (30, 40)


def test_images_of_pixels_pass():
    image = CameraImage.of_array(scene(3, 4), 1)
    assert decode(image, STRETCH, 2, 2) is image is decode_all(image)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@given(data=st.data())
def test_an_image_that_was_cut_off_is_refused(extension, data):
    whole = encoded(scene(64, 48), extension).data
    cut = EncodedImage(whole[: data.draw(st.integers(0, whole.size - 5))])
    with pytest.raises(ImageError, match="check"):
        decode(cut, STRETCH, 32, 32)


@pytest.mark.parametrize("extension", [".jpg", ".png"])
@given(data=st.data())
def test_a_damaged_image_gives_pixels_or_one_sentence(extension, data):
    damaged = encoded(scene(64, 48), extension).data.copy()
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, damaged.size - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode(EncodedImage(damaged), STRETCH, 32, 32)
    except ImageError as error:
        assert str(error).count("\n") == 0
    else:
        assert image.data.size == image.height * image.width * 3


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
def test_arbitrary_bytes_are_refused(body, magic):
    with pytest.raises(ImageError):
        decode_all(EncodedImage(np.frombuffer(magic + body, np.uint8)))


def test_a_file_that_claims_a_billion_pixels_is_refused_unread():
    png = encoded(scene(4, 4), ".png").data.copy()
    png[16:24] = np.frombuffer((50_000).to_bytes(4, "big") * 2, np.uint8)
    with pytest.raises(ImageError, match="claims 50000x50000 pixels, more than 67108864"):
        decode_all(EncodedImage(png))


def test_padding_behind_the_end_is_accepted():
    image = encoded(scene(16, 16))
    assert decode_all(EncodedImage(np.concatenate([image.data, np.zeros(512, np.uint8)]))).height == 16
