"""The tutorial's node runs as printed."""

import subprocess
import sys

from documents import blocks
from std_msgs.msg import Header
from vision_msgs.msg import Classification, ObjectHypothesis


def test_the_node_runs_as_printed(ros):
    [printed] = [block.text for block in blocks("python") if "rclpy" in block.text]
    publisher = ros.node.create_publisher(Classification, "/actions", 10)
    with subprocess.Popen([sys.executable, "-c", printed], stdout=subprocess.PIPE, text=True) as process:
        try:
            ros.until(publisher.get_subscription_count, "the printed node's subscription")
            header = Header(frame_id="cam01")
            publisher.publish(Classification(header=header))  # nothing recognised: nothing printed
            best = ObjectHypothesis(class_id="waving", score=0.75)
            publisher.publish(Classification(header=header, results=[best, ObjectHypothesis(class_id="other")]))
            assert process.stdout.readline() == "cam01 waving 0.75\n"
        finally:
            process.kill()  # its end is not what is tried
