"""A disk that has no more room."""

import logging
import resource
import signal
from contextlib import contextmanager


@contextmanager
def room_for(size):
    """Let no file grow beyond so many bytes, which looks like a full disk."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    logging.disable()  # pytest keeps it in a file
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        logging.disable(logging.NOTSET)
        signal.signal(signal.SIGXFSZ, ignored)
