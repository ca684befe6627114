"""`pip install .` installs the part that needs no ROS; package.xml is the one place for name and version."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from setuptools import find_packages, setup

package = ElementTree.parse("package.xml").getroot()

setup(
    name=package.findtext("name"),
    version=package.findtext("version"),
    description=package.findtext("description"),
    license=package.findtext("license"),
    python_requires=">=3.10",
    packages=find_packages(include=["har_ros", "har_ros.*"], exclude=["har_ros.nodes"]),
    package_data={"har_ros.models": ["*.yaml", "*.txt"]},
    install_requires=[line.partition("#")[0] for line in Path("requirements.txt").read_text().splitlines()],
)
