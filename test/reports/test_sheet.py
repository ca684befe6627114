import pytest

from har_ros.reports.sheet import wrapped


@pytest.mark.parametrize(
    ("caption", "lines"),
    [
        ("alone/cam01/1.mp4 [cam01]", ["alone/cam01/1.mp4 ", "[cam01]"]),
        ("helped up/camera_of_the_hall/1.mp4 [b]", ["helped up/", "camera_of_the_hall/", "1.mp4 [b]"]),
        ("W" * 30, ["W" * 17, "W" * 13]),
        ("a / b/ [c]", ["a / b/ [c]"]),
        ("", [""]),
    ],
)
def test_captions_break_at_blanks_and_slashes(caption, lines):
    assert wrapped(caption, 150, 0.36) == lines
