"""A camera on the network, which sends MJPEG and may go."""

import threading

import cv2
from pictures import picture
from rough_server import server

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
PERIOD = 0.04
"""Seconds from one image to the next."""


def part(brightness):
    """Return an image of 64x48 pixels as it is sent."""
    data = cv2.imencode(".jpg", picture(brightness))[1].tobytes()
    return b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data + b"\r\n"


def camera(*connections, then=None):
    """Send so many images to each connection, then close it. See rough_server.

    then: answers those after the last, which are closed without.
    """
    left, pause = list(connections), threading.Event()

    def answer(send, request, stopped):
        if not left:
            return then and then(send, request, stopped)
        send(HEAD)
        for number in range(left.pop(0)):
            send(part(10 * number % 200))
            pause.wait(PERIOD)

    return server(answer)
