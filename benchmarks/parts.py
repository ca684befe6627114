"""The parts of `make bench`, in the order in which they run."""

from __future__ import annotations

from first_action import first_action
from host_times import host_time, peers_ways
from lost_frames import lost_frames
from network_times import backends, continual, encoder_and_decoder
from part import Part
from persons import people, people_of_cameras
from steady import idle_cpu, jitter, log_lines, memory_slope
from with_ros import continual_cameras, latency, many_cameras, process_per_camera, threads, transports
from without_ros import command, evaluation

PARTS = {
    "host-time": Part(host_time, fixed=5, seconds=2, repeated=True),
    "peers-ways": Part(peers_ways, fixed=5, seconds=2, repeated=True),
    "backends": Part(backends, fixed=10, seconds=2, repeated=True),
    "continual": Part(continual, fixed=15, seconds=3, repeated=True),
    "encoder-decoder": Part(encoder_and_decoder, fixed=5, seconds=2, repeated=True),
    "latency": Part(latency, fixed=5, seconds=1),
    "jitter": Part(jitter, fixed=28, seconds=3),
    "first-action": Part(first_action, fixed=10, seconds=6, repeated=True),
    "idle-cpu": Part(idle_cpu, fixed=17, seconds=1),
    "log-lines": Part(log_lines, fixed=38, minutes=2),
    "memory-slope": Part(memory_slope, fixed=9, minutes=2),
    "lost-frames": Part(lost_frames, fixed=15, seconds=7.5, repeated=True),
    "command": Part(command, fixed=50, seconds=0.5),
    "evaluation": Part(evaluation, fixed=230, seconds=4),
    "people": Part(people, fixed=14, seconds=2),
    "people-of-cameras": Part(people_of_cameras, fixed=10, seconds=1),
    "many-cameras": Part(many_cameras, fixed=116, seconds=14.3),
    "threads": Part(threads, fixed=70, seconds=6.7),
    "process-per-camera": Part(process_per_camera, fixed=45, seconds=4),
    "transports": Part(transports, fixed=75, seconds=10),
    "continual-cameras": Part(continual_cameras, fixed=100, seconds=10),
}
"""What they take was measured on two quiet cores."""
