"""How the server hands an image to the worker of a stream."""

import struct

HEAD = struct.Struct(">QI")
"""The stamp in nanoseconds, and the number of bytes that follow."""
