"""A web server that may misbehave: it answers with any bytes, too slowly, or without end."""

import re
import socket
import threading
from contextlib import contextmanager

from waiting import WAIT

FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def accepting(handle, address="127.0.0.1", port=0):
    """Hand each connection to a function, one after the other. Yields the port."""

    def accept():
        while True:
            try:
                connection = listening.accept()[0]
            except OSError:  # the end
                return
            handle(connection)

    with socket.create_server((address, port)) as listening:
        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(WAIT)


@contextmanager
def server(answer, address="127.0.0.1", port=0, context=None):
    """Answer each connection with bytes, or by a function. Yields the port and the requests."""
    requests, stopped = [], threading.Event()

    def handle(connection):
        with connection, connection.makefile("rb") as stream:
            lines = []
            while (line := stream.readline()).strip():
                lines.append(line.decode())
            request = "".join(lines)
            requests.append(request)
            length = re.search(r"^content-length: (\d+)", request, re.IGNORECASE | re.MULTILINE)
            stream.read(int(length[1]) if length else 0)  # to close without it would reset the connection
            if callable(answer):
                answer(connection.sendall, request, stopped)
            else:
                connection.sendall(answer)

    def serve(connection):
        try:
            handle(context.wrap_socket(connection, server_side=True) if context else connection)
        except OSError:
            connection.close()

    with accepting(serve, address, port) as port:
        try:
            yield port, requests
        finally:
            stopped.set()


def drip(send, request, stopped):
    """Send a byte at a time, for ever."""
    send(FOUND % 10_000)
    while not stopped.wait(0.01):
        send(b"x")


def headers_without_end(send, request, stopped):
    send(b"HTTP/1.1 200 OK\r\n")
    while not stopped.wait(0.01):
        send(b"X-More: x\r\n")


def body_without_end(send, request, stopped):
    send(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stopped.is_set():
        send(b"x" * 10_000)


def chunks_without_end(send, request, stopped):
    send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not stopped.is_set():
        send(b"2710\r\n" + b"x" * 10_000 + b"\r\n")


def one_chunk_of_everything(send, request, stopped):
    send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")
    while not stopped.is_set():
        send(b"x" * 10_000)


def silence(send, request, stopped):
    stopped.wait(WAIT)
