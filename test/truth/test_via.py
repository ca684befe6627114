import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from har_ros.errors import ConfigurationError
from har_ros.truth.segments import Segment, load_truth

# As VIA 3's own code writes it (project_export_csv, of 3.0.x): options by number, free text as it is.
EXPORT = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# Notes:
# - temporal coordinate of [4.633] denotes a still video frame at 4.633 sec.
# SHAPE_ID = {"POINT":1,"RECTANGLE":2}
# ATTRIBUTE = {"1":{"aname":"activity","type":4,"options":{"0":"waving","1":"sitting down"},"default_option_id":""}}
# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata
"1_a","[""one.mp4""]",0,"[1.25,3.5]","[]","{""1"":""0""}"
"1_z","[""one.mp4""]",0,"[5,5]","[]","{""1"":""0""}"
"1_b","[""one.mp4""]",0,"[4]","[]","{""1"":""1""}"
"2_c","[""https://somewhere/videos/my%20two.mp4""]",0,"[0,2]","[]","{""1"":""0,1""}"
"3_d","[""three.mp4""]",0,"[0.5,1]","[2,1,1,5,5]","{""1"":""a, b""}"
"""
OLD = """# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)
# CSV_HEADER = metadata_id,file_list,temporal_segment_start,temporal_segment_end,metadata
"1_x","[""one.mp4""]",2.5,4,"{""TEMPORAL-SEGMENTS"":""walking""}"
"""
PROJECT = {
    "project": {"pname": "p", "vid_list": ["1"]},
    "attribute": {"1": {"aname": "TEMPORAL-SEGMENTS", "type": 4, "options": {"walk": "walking"}}},
    "file": {"7": {"fid": "7", "fname": "one.mp4", "type": 4, "loc": 1, "src": ""}},
    "view": {"1": {"fid_list": ["7"]}},
    "metadata": {
        "1_m": {"vid": "1", "flg": 0, "z": [0.5, 2], "xy": [], "av": {"1": "walk"}},
        "1_n": {"vid": "1", "flg": 0, "z": [3], "xy": [], "av": {"1": "walk"}},
    },
}


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return load_truth(tmp_path / name)


def test_an_export_is_read(tmp_path):
    assert read(tmp_path, "via.csv", EXPORT) == (
        Segment(1.25, 3.5, "waving", bag="one.mp4"),
        Segment(0, 2, "waving", bag="my two.mp4"),
        Segment(0, 2, "sitting down", bag="my two.mp4"),
        Segment(0.5, 1, "a, b", bag="three.mp4"),
    )


def test_an_export_of_an_older_version_is_read(tmp_path):
    assert read(tmp_path, "via.csv", OLD) == (Segment(2.5, 4, "walking", bag="one.mp4"),)


def test_a_project_is_read(tmp_path):
    assert read(tmp_path, "via.json", json.dumps(PROJECT)) == (Segment(0.5, 2, "walking", bag="one.mp4"),)


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [
        ("a.json", "{", "no JSON"),
        ("a.json", "[]", "no project of VIA"),
        ("a.json", json.dumps({**PROJECT, "view": {}}), "no project of VIA"),
        ("a.json", json.dumps(PROJECT).replace("[0.5, 2]", '["x", "y"]'), "no project of VIA"),
        ("a.csv", EXPORT.replace("[1.25,3.5]", "[1.25,3.5"), "line 7"),
        ("a.csv", EXPORT.replace('"{""1"":""0""}"', '"{}"'), "no label"),
        ("a.csv", OLD.replace("2.5,", "x,"), "line 3"),
    ],
)
def test_damaged_files_are_refused_with_a_sentence(tmp_path, name, text, part):
    with pytest.raises(ConfigurationError, match=part) as error:
        read(tmp_path, name, text)
    assert name in str(error.value)


@given(st.integers(0, len(EXPORT)), st.integers(0, 40), st.text(max_size=6))
def test_any_damage_is_read_or_refused(tmp_path_factory, at, length, put):
    folder = tmp_path_factory.mktemp("via")
    for name, text in (("a.csv", EXPORT), ("a.json", json.dumps(PROJECT))):
        place = at % len(text)
        (folder / name).write_text(text[:place] + put + text[place + length :], encoding="utf-8")
        try:
            segments = load_truth(folder / name)
        except ConfigurationError as error:
            assert str(error)
        else:
            assert all(segment.start < segment.end for segment in segments)
