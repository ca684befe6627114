"""What knows ROS: the executables, their parameters, and the conversions to and from messages."""
