"""ros4hri:=true, over DDS: the topics of REP-155 as libhri reads them (types, reliable, a queue of one).

The pose network finds one person in every image that is bright enough, and another in brighter ones.
"""

import builtins
from array import array
from functools import partial

import pytest
from hri_msgs.msg import IdsList, NormalizedRegionOfInterest2D, Skeleton2D
from rclpy.qos import QoSReliabilityPolicy
from small_networks import PERSON, joints_of, one_person
from vision_msgs.msg import Detection2DArray

from har_ros.frames.skeletons import NAMES
from har_ros.nodes import humans

OTHER = (54.0, 38.0, 12.0, 40.0)
TRACKED = "/humans/bodies/tracked"
TWO = ["/cam01/image_raw", "/cam02/image_raw"]
BOTH, ONE, NOBODY = 240, 140, 0
"""Brightness of an image in which so many are found."""
SCALE = 2
"""Pixels of an image of 64×128 for one of the network's 64×64."""


class Listener:
    """What a robot knows of people: who is listed, and each one's region and skeleton."""

    def __init__(self, robot):
        self.robot, self.ros = robot, robot.ros
        self.listed = None
        self.regions, self.skeletons = {}, {}
        self.ros.node.create_subscription(IdsList, TRACKED, partial(setattr, self, "listed"), 1)
        self.ros.until(lambda: robot.node.count_subscribers(TRACKED), "the subscription")
        self.persons = self.ros.inbox(Detection2DArray, "/actions/persons")
        self.ros.until(lambda: robot.node.count_subscribers("/actions/persons") == 1, "the subscription")

    def show(self, camera, brightness):
        """Show an image, 64 pixels high and 128 wide; returns who is listed with its header."""
        data = array("B", [brightness] * 64 * 128)
        self.robot.push(camera, 0, height=64, width=128, step=128, data=data)
        header = self.ros.receive(self.persons, "/actions/persons").header
        self.ros.until(lambda: self.listed and self.listed.header == header, "the list of people")
        return self.listed.ids

    def follow(self, name):
        """Subscribe to a person's topics."""
        for kind, topic, found in (
            (NormalizedRegionOfInterest2D, f"/humans/bodies/{name}/roi", self.regions),
            (Skeleton2D, f"/humans/bodies/{name}/skeleton2d", self.skeletons),
        ):
            self.ros.node.create_subscription(kind, topic, partial(found.__setitem__, name), 1)
            self.ros.until(lambda topic=topic: self.robot.node.count_subscribers(topic), topic)

    def newest(self):
        """Return how many of the people's messages are about the newest image."""
        messages = [*self.regions.values(), *self.skeletons.values()]
        return sum(message.header.stamp.sec == self.robot.cameras[0].seconds for message in messages)

    def until_topics_of(self, ids):
        """Wait until there are topics of these people and of nobody else."""
        expected = {f"/humans/bodies/{name}/{kind}" for name in ids for kind in ("roi", "skeleton2d")}
        self.ros.until(lambda: self.topics() == expected, f"topics of {ids} only")

    def topics(self):
        """Return the topics below /humans, but for the list."""
        found = {name for name, _ in self.robot.node.get_topic_names_and_types()}
        return {name for name in found if name.startswith("/humans/")} - {TRACKED}


@pytest.fixture(scope="module")
def pose_card(tmp_path_factory):
    return one_person(tmp_path_factory.mktemp("people"), others=[OTHER])


@pytest.fixture
def listener(robot, pose_card):
    def start(*arguments, **parameters):
        given = {"pose_model": str(pose_card), "persons_model": "", **parameters}
        made = robot(*arguments, persons=True, ros4hri=True, **given)
        return Listener(made)

    return start


def test_people_have_topics_as_long_as_they_are_followed(listener):
    people = listener(track_timeout=2.5)
    (camera,) = people.robot.cameras
    assert people.show(camera, NOBODY) == []
    people.until_topics_of([])
    people.show(camera, BOTH)
    ids = list(people.show(camera, BOTH))
    assert len(set(ids)) == 2
    people.until_topics_of(ids)
    for _ in range(2):
        assert people.show(camera, ONE) == ids  # the other may come back
    people.until_topics_of(ids)
    [stays] = people.show(camera, ONE)
    assert stays in ids
    people.until_topics_of([stays])
    for _ in range(2):
        assert people.show(camera, NOBODY) == [stays]
    assert people.show(camera, NOBODY) == []
    people.until_topics_of([])


def test_where_people_are_is_said_in_shares_of_the_image(listener):
    people = listener()
    (camera,) = people.robot.cameras
    for _ in range(2):
        ids = people.show(camera, BOTH)
    for name in ids:
        people.follow(name)
    people.show(camera, BOTH)
    people.ros.until(lambda: people.newest() == 4, "regions and skeletons of the newest image")
    left, right = sorted(ids, key=lambda name: people.regions[name].xmin)
    for name, person in ((left, PERSON), (right, OTHER)):
        region, skeleton = people.regions[name], people.skeletons[name]
        assert region.header.frame_id == skeleton.header.frame_id == camera.frame_id
        x, y, width, height = (SCALE * value for value in person)
        edges = [(x - width / 2) / 128, (y - height / 2) / 64, (x + width / 2) / 128, 1]  # the feet are out of sight
        assert [region.xmin, region.ymin, region.xmax, region.ymax] == pytest.approx(edges, abs=0.01)
        joints = joints_of(person)
        for joint, (x, y, confidence) in zip(NAMES, joints, strict=True):
            found = skeleton.skeleton[getattr(Skeleton2D, joint.upper())]
            assert (found.x, found.y) == pytest.approx((SCALE * x / 128, min(SCALE * y / 64, 1)), abs=1e-3), joint
            assert found.c == pytest.approx(confidence)
        shoulders = [joints[NAMES.index(name)][1] for name in ("left_shoulder", "right_shoulder")]
        assert skeleton.skeleton[Skeleton2D.NECK].y == pytest.approx(SCALE * sum(shoulders) / 2 / 64, abs=1e-3)
    brightness = BOTH / 255 / 2  # half of the network's input is black
    assert people.regions[left].c == pytest.approx(brightness, abs=0.01)
    assert people.regions[right].c == pytest.approx(brightness - 0.2, abs=0.01)


def test_cameras_share_the_list(listener):
    people = listener(TWO)
    first, second = people.robot.cameras
    for camera in (first, second, first, second):
        ids = people.show(camera, ONE)
    assert len(set(ids)) == 2
    people.until_topics_of(ids)
    assert people.robot.set(image_topics=[first.topic]) == ""
    people.ros.until(lambda: len(people.listed.ids) == 1, "the list without the people of the camera that went")
    assert people.listed.ids[0] in ids
    people.until_topics_of(people.listed.ids)
    stays = people.listed.ids
    assert people.show(first, ONE) == stays


def test_a_camera_that_is_silent_has_nobody_in_the_list(listener, monkeypatch):
    monkeypatch.setattr(humans, "SILENCE", 0.0)
    people = listener(TWO)
    first, second = people.robot.cameras
    for camera in (first, first, second):
        ids = people.show(camera, ONE)
    assert ids == []


def test_topics_end_with_the_work_and_begin_again(listener):
    people = listener()
    (camera,) = people.robot.cameras
    for _ in range(2):
        ids = people.show(camera, ONE)
    people.until_topics_of(ids)
    assert people.robot.change("deactivate")[0]
    people.ros.until(lambda: people.listed.ids == [], "an empty list")
    people.until_topics_of([])
    assert people.robot.change("cleanup")[0]
    assert people.robot.node.count_publishers(TRACKED) == 0
    for transition in ("configure", "activate"):
        assert people.robot.change(transition)[0]
    people.robot.connect()
    people.ros.until(lambda: people.robot.node.count_subscribers(TRACKED), "the subscription")
    for _ in range(2):
        again = people.show(camera, ONE)
    people.until_topics_of(again)
    assert again != ids


def test_what_was_published_of_people_who_left_does_not_remain(listener):
    """QoS overrides would be parameters of each person, and events fail rclpy's executor."""
    people = listener(track_timeout=0.1)
    node = people.robot.node
    (camera,) = people.robot.cameras
    people.show(camera, NOBODY)
    publishers, others = len([*node.publishers]), (len(node._parameters), len([*node.waitables]))
    for _ in range(3):
        for brightness in (ONE, ONE, NOBODY, NOBODY, NOBODY):
            people.show(camera, brightness)
            assert (len(node._parameters), len([*node.waitables])) == others
    assert len([*node.publishers]) == publishers


def test_types_and_qos_are_those_of_libhri(listener):
    people = listener()
    (camera,) = people.robot.cameras
    for _ in range(2):
        ids = people.show(camera, ONE)
    for topic, kind in (
        (TRACKED, "hri_msgs/msg/IdsList"),
        (f"/humans/bodies/{ids[0]}/roi", "hri_msgs/msg/NormalizedRegionOfInterest2D"),
        (f"/humans/bodies/{ids[0]}/skeleton2d", "hri_msgs/msg/Skeleton2D"),
    ):
        [info] = people.robot.node.get_publishers_info_by_topic(topic)
        assert (info.topic_type, info.qos_profile.reliability) == (kind, QoSReliabilityPolicy.RELIABLE)


def test_without_persons_it_is_refused(robot):
    with pytest.raises(Exception, match="parameter ros4hri is true, but persons is false; set persons to true, too"):
        robot(ros4hri=True)


def test_persons_cannot_be_taken_from_it(robot, pose_card):
    made = robot(persons=True, ros4hri=True, pose_model=str(pose_card), autostart=False)
    assert "ros4hri is true, but persons is false" in made.set(persons=False)
    assert made.set(persons=False, ros4hri=False) == ""


@pytest.fixture
def no_hri_msgs(monkeypatch):
    """Let hri_msgs be as if it were not installed."""
    real = builtins.__import__

    def failing(name, *arguments, **keywords):
        if name.partition(".")[0] == "hri_msgs":
            raise ModuleNotFoundError("No module named 'hri_msgs'", name=name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", failing)


def test_without_hri_msgs_it_is_refused_with_the_remedy(robot, pose_card, no_hri_msgs):
    remedy = r"No module named 'hri_msgs'\); run: sudo apt install ros-\$ROS_DISTRO-hri-msgs"
    with pytest.raises(Exception, match=remedy):
        robot(persons=True, ros4hri=True, pose_model=str(pose_card))


def test_people_need_no_hri_msgs(robot, pose_card, no_hri_msgs):
    made = robot(persons=True, pose_model=str(pose_card))
    assert not [name for name, _ in made.node.get_topic_names_and_types() if name.startswith("/humans")]
