"""Reads MJPEG (multipart/x-mixed-replace) as a browser does."""


def images(response):
    """Yield the images of a streaming response of httpx, as they come."""
    kind, _, boundary = response.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/x-mixed-replace"
    chunks, got, line = response.iter_raw(), b"", f"--{boundary}\r\n".encode()
    while len(got) < len(line):
        got += next(chunks)
    assert got.startswith(line)
    got = got[len(line) :]
    while True:
        while b"\r\n\r\n" not in got:
            if not (chunk := next(chunks, b"")):
                return
            got += chunk
        head, _, got = got.partition(b"\r\n\r\n")
        values = dict(field.split(": ") for field in head.decode().split("\r\n"))
        assert values["Content-Type"] == "image/jpeg"
        size = int(values["Content-Length"])
        end = size + 2 + len(line)
        while len(got) < end:
            got += next(chunks)
        assert got[size:end] == b"\r\n" + line
        yield got[:size]
        got = got[end:]
