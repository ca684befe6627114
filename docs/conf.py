"""The documentation site: `make docs` builds it here, rosdoc2 for docs.ros.org.

rosdoc2 copies this folder elsewhere. What lies outside of it is therefore reached through the links in included/.
"""

import importlib.util
import xml.etree.ElementTree as ElementTree
from pathlib import Path

package = ElementTree.parse(Path(__file__).parent / "included" / "package.xml").getroot()
project = package.findtext("name", "")
author = copyright = "har_ros developers"
release = version = package.findtext("version", "")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["included", "front.md"]
html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = False
rosdoc2_settings = {"override_theme": False}  # furo where it is installed

myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # included files begin with a title of their own

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100
needed = ("av", "cv2", "filelock", "numpy", "onnx", "openvino", "platformdirs", "rich", "yaml")
autodoc_mock_imports = [name for name in needed if importlib.util.find_spec(name) is None]
internal = ("frames.window.Clip", "models.card.ModelCard", "networks.kind.Memory", "networks.kind.Network")
nitpick_ignore = [("py:class", f"har_ros.{name}") for name in internal]  # in signatures, but not on the page
nitpick_ignore_regex = [("py:.*", r"(?!har_ros\.).*")]  # other projects' names: there is no network to look them up
