"""The server of inference_server.py through HTTP."""

import json
import re
import socket
import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.json_format import MessageToDict
from tritonclient.grpc import service_pb2 as messages

LENGTH = "Inference-Header-Content-Length"
STATUS = {grpc.StatusCode.UNAVAILABLE: 503, grpc.StatusCode.NOT_FOUND: 404, grpc.StatusCode.UNAUTHENTICATED: 401}


class AbortedError(Exception):
    pass


class Context:
    """What a method of the server gets of its call."""

    def __init__(self, headers):
        self.headers = headers

    def abort(self, code, text):
        raise AbortedError(STATUS.get(code, 400), text)

    def set_code(self, code):
        pass

    def set_details(self, text):
        pass

    def invocation_metadata(self):
        return [(name.lower(), value) for name, value in self.headers.items()]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self._answer(
            {"health/ready": self._ready, "models/([^/]+)": self._model, "models/([^/]+)/config": self._config}
        )

    def do_POST(self):
        self._answer({"models/([^/]+)/infer": self._infer})

    def _answer(self, methods):
        self.content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        memory = "systemsharedmemory/"
        methods = {
            **methods,
            "": self._extensions,
            memory + "status": self._regions,
            memory + "region/([^/]+)/register": self._register,
            memory + "region/([^/]+)/unregister": self._unregister,
        }
        path = self.path.removeprefix("/v2").strip("/")
        found = [(method, match) for way, method in methods.items() if (match := re.fullmatch(way, path))]
        with suppress(OSError):
            try:
                [(method, match)] = found
                self._send(*method(self.server.served, *match.groups()))
            except AbortedError as error:
                self._send(error.args[0], {"error": error.args[1]})
            except Exception as error:
                self._send(500, {"error": repr(error)})

    def _send(self, status, described=None, raw=None):
        body = b"" if described is None else json.dumps(described).encode()
        self.send_response(status)
        if raw is not None:
            self.send_header(LENGTH, str(len(body)))
        self.send_header("Content-Length", str(len(body + (raw or b""))))
        self.end_headers()
        self.wfile.write(body + (raw or b""))

    def _call(self, method, request):
        return method(request, Context(self.headers))

    def _extensions(self, served):
        return 200, {"extensions": ["binary_tensor_data"] if served.binary else []}

    def _ready(self, served):
        return (200 if self._call(served.ServerReady, None).ready else 503,)

    def _model(self, served, name):
        found = self._call(served.ModelMetadata, messages.ModelMetadataRequest(name=name))
        described = MessageToDict(found, preserving_proto_field_name=True)
        for one in described["inputs"] + described["outputs"]:
            one["shape"] = list(map(int, one["shape"]))
        return 200, described

    def _config(self, served, name):
        found = self._call(served.ModelConfig, messages.ModelConfigRequest(name=name))
        return 200, MessageToDict(found.config, preserving_proto_field_name=True)

    def _regions(self, served):
        return 200, [{"name": name} for name in self._call(served.SystemSharedMemoryStatus, None).regions]

    def _register(self, served, name):
        given = json.loads(self.content)
        request = messages.SystemSharedMemoryRegisterRequest(name=name, **given)
        self._call(served.SystemSharedMemoryRegister, request)
        return (200,)

    def _unregister(self, served, name):
        self._call(served.SystemSharedMemoryUnregister, messages.SystemSharedMemoryUnregisterRequest(name=name))
        return (200,)

    def _infer(self, served, name):
        length = int(self.headers.get(LENGTH, len(self.content)))
        given, raw = json.loads(self.content[:length]), self.content[length:]
        request = messages.ModelInferRequest(model_name=name, id=given["id"])
        for key, value in given["inputs"][0].get("parameters", {}).items():
            kind = "string_param" if isinstance(value, str) else "int64_param"
            if key != "binary_data_size":
                request.inputs.add() if not request.inputs else None
                setattr(request.inputs[0].parameters[key], kind, value)
        if raw:
            assert served.binary
            request.raw_input_contents.append(raw)
        elif "data" in given["inputs"][0]:
            assert not served.binary
            request.raw_input_contents.append(bytes(given["inputs"][0]["data"]))
        return 200, *self._encoded(served, self._call(served.ModelInfer, request))

    def _encoded(self, served, response):
        outputs = [{"name": one.name, "datatype": one.datatype, "shape": list(one.shape)} for one in response.outputs]
        for one, raw in zip(outputs, response.raw_output_contents, strict=False):
            if served.binary:
                one["parameters"] = {"binary_data_size": len(raw)}
            else:
                one["data"] = memoryview(raw).cast("f").tolist()
        described = {"id": response.id, "outputs": outputs}
        return (described, b"".join(response.raw_output_contents)) if served.binary else (described,)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    served = None

    def server_bind(self):
        self.open = set()
        super().server_bind()

    def process_request(self, request, client_address):
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address):
        pass


@contextmanager
def serving_http(served, port=0, context=None, handler=Handler):
    """Let it listen on this machine; yields the port. context: what encrypts."""
    with Server(("127.0.0.1", port), handler) as listening:
        listening.served = served
        if context:
            listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield listening.server_port
        finally:
            served.stopped.set()
            listening.shutdown()
            for connection in list(listening.open):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join(60)
