"""The SROS2 policy allows what the node has, and nothing else."""

from pathlib import Path
from xml.etree import ElementTree

from small_networks import one_person

POLICY = Path(__file__).parents[2] / "config" / "policies" / "actionnet.xml"
ON_REQUEST = {"/clock"}  # with use_sim_time


def allowed(kind, access):
    """Return the full names that the policy allows."""
    profile = ElementTree.parse(POLICY).getroot().find("enclaves/enclave/profiles/profile")
    names = [name.text for group in profile.findall(f"{kind}s[@{access}='ALLOW']") for name in group.findall(kind)]
    node = f"/{profile.get('node')}"
    return {node + name[1:] if name.startswith("~") else name if name[0] == "/" else f"/{name}" for name in names}


def names(found):
    return {name for name, _ in found}


def test_the_policy_allows_the_nodes_topics_and_services_and_no_others(robot, tmp_path):
    persons = {"persons": True, "pose_model": str(one_person(tmp_path))}
    subscribed = set()
    for transport in ("raw", "compressed"):
        node = robot(["/cam01/image_raw", "/cam02/image_raw"], image_transport=transport, **persons).node
        identity = node.get_name(), node.get_namespace()
        assert names(node.get_publisher_names_and_types_by_node(*identity)) == allowed("topic", "publish")
        assert names(node.get_service_names_and_types_by_node(*identity)) == allowed("service", "reply")
        assert names(node.get_client_names_and_types_by_node(*identity)) == set()
        subscribed |= names(node.get_subscriber_names_and_types_by_node(*identity))
        node.stop()
    assert subscribed == allowed("topic", "subscribe") - ON_REQUEST
