"""The SROS2 policy allows what the node has, and nothing else."""

from array import array
from fnmatch import fnmatchcase
from pathlib import Path
from xml.etree import ElementTree

from small_networks import one_person

POLICY = Path(__file__).parents[2] / "config" / "policies" / "actionnet.xml"
ON_REQUEST = {"/clock"}  # with use_sim_time


ACTION = {
    "publish": ("feedback", "status"),
    "reply": ("cancel_goal", "get_result", "send_goal"),
}
"""What an action server has."""


def allowed(kind, access):
    """Return the full names that the policy allows; those of actions are made of theirs."""
    profile = ElementTree.parse(POLICY).getroot().find("enclaves/enclave/profiles/profile")
    actions = [one.text for one in profile.findall("actions[@execute='ALLOW']/action")]
    of_actions = {f"/{action}/_action/{part}" for action in actions for part in ACTION.get(access, ())}
    names = [name.text for group in profile.findall(f"{kind}s[@{access}='ALLOW']") for name in group.findall(kind)]
    node = f"/{profile.get('node')}"
    return of_actions | {
        node + name[1:] if name.startswith("~") else name if name[0] == "/" else f"/{name}" for name in names
    }


def names(found):
    return {name for name, _ in found}


def has_only(started, find, expected):
    """Wait until the node has these: what the middleware knows may lag behind."""
    identity = started.node.get_name(), started.node.get_namespace()
    started.ros.until(lambda: names(find(*identity)) == expected, f"{sorted(expected)}, and no others")


def test_the_policy_allows_the_nodes_topics_and_services_and_no_others(robot, tmp_path):
    persons = {"persons": True, "pose_model": str(one_person(tmp_path)), "ros4hri": True}
    published, subscribed = {name for name in allowed("topic", "publish") if "*" not in name}, set()
    for transport in ("raw", "compressed"):
        started = robot(["/cam01/image_raw", "/cam02/image_raw"], image_transport=transport, **persons)
        node = started.node
        identity = node.get_name(), node.get_namespace()
        has_only(started, node.get_publisher_names_and_types_by_node, published)
        has_only(started, node.get_service_names_and_types_by_node, allowed("service", "reply"))
        has_only(started, node.get_client_names_and_types_by_node, set())
        subscribed |= names(node.get_subscriber_names_and_types_by_node(*identity))
        node.stop()
    assert subscribed == allowed("topic", "subscribe") - ON_REQUEST


def test_the_policy_allows_the_topics_of_people_and_no_others(robot, tmp_path):
    parameters = {"persons": True, "pose_model": str(one_person(tmp_path)), "ros4hri": True}
    watched = robot(["/cam01/image_raw"], **parameters)
    (camera,) = watched.cameras
    patterns = {name for name in allowed("topic", "publish") if "*" in name}

    def matching():
        found = {name for name in names(watched.node.get_topic_names_and_types()) if name.startswith("/humans/")}
        return {name: [one for one in patterns if fnmatchcase(name, one)] for name in found}

    for shown in (1, 2):  # a single pose is nobody yet
        watched.push(camera, 0, height=64, width=64, step=64, data=array("B", [150] * 64 * 64))
        watched.ros.until(lambda shown=shown: watched.inner(camera).watch.frames == shown, "the search for people")
    watched.ros.until(lambda: len(matching()) == 1 + len(patterns), "the topics of somebody")
    assert matching().pop("/humans/bodies/tracked") == []  # which has a line of its own
    assert {one for found in matching().values() for one in found} == patterns
