"""Networks in files that stand on their own."""

import onnx
from clips import teachable

from har_ros.models.check import prepared_networks
from har_ros.models.locate import find_model
from har_ros.models.portable import portable


def test_a_network_goes_with_its_weights(tmp_path):
    model = find_model(str(teachable(tmp_path)))
    path = tmp_path / "small.onnx"
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights", size_threshold=0)
    there = tmp_path / "there"
    for name, content in portable(model).items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    [network] = prepared_networks(find_model(str(there)))
    assert [file.name for file in network.files] == ["small.onnx", "weights"]
    assert all(file.is_file() for file in network.files)
