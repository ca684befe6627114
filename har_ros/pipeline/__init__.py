"""The way of a frame to a result, without ROS."""
