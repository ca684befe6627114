"""Videos whose frames carry their numbers, and damage to them."""

import av
import numpy as np

COUNT = 100
RATE = 25
CONTAINERS = {"mp4": "libx264", "mkv": "libx264", "ts": "libx264", "avi": "mjpeg"}


def numbered(number):
    """Return a picture, uint8 96×96×3 BGR, whose upper half is the number: a bar for each bit."""
    pixels = np.random.default_rng(number).integers(90, 120, (96, 96, 3)).astype(np.uint8)
    pixels[:48] = np.repeat([255 if number >> bit & 1 else 0 for bit in range(8)], 12)[None, :, None]
    return pixels


def number_of(pixels):
    return sum(1 << bit for bit in range(8) if pixels[8:40, bit * 12 + 3 : bit * 12 + 9].mean() > 127)


def write_numbered(path, count=COUNT, at=lambda number: number, reordered=False):
    """Write a video with a keyframe in 10. at: the time of a frame, in frames. reordered: two in three are B-frames."""
    codec = CONTAINERS[path.suffix[1:]]
    options = {"g": "10", "bf": "2"} if codec == "libx264" else {}
    if reordered:
        options["x264-params"] = "b-adapt=0:scenecut=0"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p" if codec == "libx264" else "yuvj420p"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="bgr24")
            frame.pts, frame.time_base = at(number), 1 / stream.codec_context.rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_by_decoding(path):
    """Write a video with the times at which frames are decoded, as of packets that are copied from an .avi."""
    original = write_numbered(path.with_name(f"original_{path.name}"), reordered=True)
    with av.open(str(original)) as source, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(packet for packet in source.demux(video=0) if packet.size):
            packet.dts = packet.pts = number * packet.duration
            packet.stream = stream
            container.mux(packet)
    return path


def write_cut(path, original, first):
    """Copy a video from a frame on as phones do: an edit list hides what the decoder needs before it."""
    options = {"movflags": "faststart"}
    with av.open(str(original)) as given, av.open(str(path), "w", options=options) as written:
        stream = written.add_stream_from_template(given.streams.video[0])
        packets = [packet for packet in given.demux(video=0) if packet.size]
        for packet in packets:
            packet.pts, packet.dts = (at - packets[first].pts for at in (packet.pts, packet.dts))
            packet.stream = stream
            written.mux(packet)
    return path


def places_of(path):
    """Return where each packet begins in the file and its bytes, in the order of the frames."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return [
        (packet.pos, packet.size) for packet in sorted(packets, key=lambda one: one.dts if one.pts is None else one.pts)
    ]


def damage(path, *numbers):
    """Overwrite the packets of these frames with zeros."""
    content = bytearray(path.read_bytes())
    for place, size in map(places_of(path).__getitem__, numbers):
        if path.suffix == ".ts":  # of each packet of 188 bytes, its header stays
            for begin in range(place, place + size, 188):
                content[begin + 40 : begin + 188] = bytes(148)
        else:
            begin = place + (8 if path.suffix == ".avi" else 0)
            begin = begin + 8 if path.suffix == ".mkv" else begin
            content[begin : place + size] = bytes(place + size - begin)
    path.write_bytes(content)
    return path
