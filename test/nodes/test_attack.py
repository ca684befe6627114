"""What a hostile publisher sends beside a healthy camera."""

import random
from array import array

import pytest
from builtin_interfaces.msg import Time
from damaged_images import costly_images, damaged, peak, real_images
from hypothesis import settings
from sensor_msgs.msg import CompressedImage, Image

from har_ros.frames.pixels import ENCODINGS

ONE, TWO = "/cam01/image_raw", "/cam02/image_raw"


def odd_image(chance):
    """Return an Image whose fields need not fit together."""
    height, width, step = chance.choices((0, 1, 7, 8, 64, 2**16, 2**31, 2**32 - 1), k=3)
    encoding = chance.choice([*ENCODINGS, "32FC1", "8UC3", "\x1b[2J", ""])
    data = array("B", chance.randbytes(chance.choice((0, 1, 64, 192, 4096, 20_000))))
    return Image(
        height=height, width=width, step=step, encoding=encoding, is_bigendian=chance.choice((0, 1)), data=data
    )


@pytest.mark.parametrize("transport", ["raw", "compressed"])
def test_what_an_attacker_sends_costs_the_healthy_camera_no_frame(robot, transport):
    """A hundred messages; with the profile nightly, ten thousand."""
    robot = robot([ONE, TWO], image_transport=transport)
    kind, suffix = (Image, "") if transport == "raw" else (CompressedImage, "/compressed")
    attacker, healthy = (robot.ros.node.create_publisher(kind, topic + suffix, 10) for topic in (ONE, TWO))
    for publisher in (attacker, healthy):
        robot.ros.until(publisher.get_subscription_count, "the subscription")
    victim, other = (robot.node.active.cameras[topic] for topic in (ONE, TWO))
    chance, real = random.Random(1), real_images()
    costly, before, count = costly_images(), peak(), settings.default.max_examples
    for number in range(1, count + 1):
        if transport == "raw":
            message = odd_image(chance)
            fine = Image(height=8, width=8, encoding="mono8", step=8, data=array("B", [9] * 64))
        else:
            data = costly[number - 1] if number <= len(costly) else damaged([*real, *costly[:-1]], chance)
            message = CompressedImage(format=chance.choice(("jpeg", "png", "")), data=array("B", data))
            fine = CompressedImage(format="jpeg", data=array("B", real[0]))
        message.header.stamp = Time(sec=number)
        fine.header.stamp = Time(sec=number)
        attacker.publish(message)
        healthy.publish(fine)
        robot.ros.until(lambda n=number: victim.frames + victim.frames_broken == n == other.frames, "their arrival")
    assert other.frames_broken == other.stream.frames_repeated == 0
    assert victim.frames_broken > count // 2
    robot.ros.until(lambda: other.windows == count - 3 - other.stream.windows_dropped, "the healthy camera's windows")
    assert peak() - before < 300
