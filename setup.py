"""`pip install .` installs the part that needs no ROS; package.xml is the one place for name and version."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import find_packages, setup


def requirements(name):
    """Read a requirements file without its comments."""
    lines = (line.partition("#")[0].strip() for line in Path(name).read_text().splitlines())
    return [line for line in lines if line]


evaluate = requirements("requirements-evaluate.txt")
teach = [*evaluate, *requirements("requirements-teach.txt")]
package = ElementTree.parse("package.xml").getroot()

setup(
    name=package.findtext("name"),
    version=package.findtext("version"),
    description=package.findtext("description"),
    license=package.findtext("license"),
    python_requires=">=3.10",
    packages=find_packages(include=["har_ros", "har_ros.*"], exclude=["har_ros.nodes"]),
    package_data={
        "har_ros": [
            "*/*.html",
            "models/cards/*",
            "models/cards/pose/*",
            "learning/backgrounds/*",
            "service/pages/templates/*",
            "service/pages/static/**",
        ]
    },
    install_requires=requirements("requirements.txt"),
    extras_require={
        "tensorrt": requirements("requirements-tensorrt.txt"),
        "triton": requirements("requirements-triton.txt"),
        "evaluate": evaluate,
        "teach": teach,
        "fleet": requirements("requirements-fleet.txt"),
        "serve": requirements("requirements-serve.txt"),
        "finetune": [*teach, *requirements("requirements-finetune.txt")],
    },
    entry_points={"console_scripts": ["actionnet = har_ros.commands.main:main"]},
)
