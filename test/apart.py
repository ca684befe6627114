"""Workers on another machine, as works see them, in this process: pieces and results are sent, networks, too."""

import hashlib
import pickle
from pathlib import Path

from har_ros.workers.sent import unpacked


class Apart:
    """called: what pieces were done, by the names of their types. most: pieces that are done before Ctrl-C."""

    in_this_process = False
    divide = True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __init__(self, most=10_000):
        self.done = []
        self._most = most

    def run(self, work, pieces, take, report, wait=lambda: None):
        if not pieces:
            return
        sent = {name: one.read_bytes() if isinstance(one, Path) else one for name, one in work.files().items()}
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in sent.items()}
        folder = unpacked(digests, sent.__getitem__) if sent else Path()
        with pickle.loads(pickle.dumps(work)).opened(folder) as do:
            for number, piece in enumerate(pieces):
                if len(self.done) == self._most:
                    raise KeyboardInterrupt
                self.done.append(type(piece).__name__)
                result = do(pickle.loads(pickle.dumps(piece)), report, lambda: False)
                take(number, pickle.loads(pickle.dumps(result)))
