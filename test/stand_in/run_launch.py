"""A stand-in for launch and launch_ros, as far as launch files of this repository use them.

python -I -S run_launch.py FOLDER FILE [NAME:=VALUE …] executes a launch file with the packages in FOLDER and the
standard library, and prints what was declared, said and started, as JSON.
"""

import json
import os
import runpy
import sys
from types import ModuleType, SimpleNamespace


class LaunchDescription:
    def __init__(self, entities):
        self.entities = entities

    def execute(self, context):
        return self.entities


class DeclareLaunchArgument:
    def __init__(self, name, *, default_value, description=""):
        self.name, self.default, self.description = name, default_value, description

    def execute(self, context):
        context.declared.append({"name": self.name, "default": self.default, "description": self.description})
        context.launch_configurations.setdefault(self.name, self.default)


class GroupAction:
    """Scoped."""

    def __init__(self, actions, *, forwarding=True):
        self.actions, self.forwarding = actions, forwarding

    def execute(self, context):
        outside, environment = context.launch_configurations, dict(os.environ)
        context.launch_configurations = dict(outside) if self.forwarding else {}
        if not self.forwarding:
            replace_environment(context.environment)
        for action in self.actions:
            run(action, context)
        context.launch_configurations = outside
        replace_environment(environment)


class IncludeLaunchDescription:
    """What it gives stays in the including file's scope, as in launch."""

    def __init__(self, source, *, launch_arguments=()):
        self.source, self.arguments = source, launch_arguments

    def execute(self, context):
        described = self.source.describe()
        context.launch_configurations.update(self.arguments)
        return [described]


class PythonLaunchDescriptionSource:
    def __init__(self, path):
        self.path = path

    def describe(self):
        return runpy.run_path(self.path)["generate_launch_description"]()


class OpaqueFunction:
    def __init__(self, *, function):
        self.execute = function


class SetEnvironmentVariable:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def execute(self, context):
        os.environ[self.name] = self.value


class LogInfo:
    def __init__(self, *, msg):
        self.text = msg

    def execute(self, context):
        context.said.append(self.text)


class ParameterValue:
    def __init__(self, value, *, value_type):
        self.value = value


class Node:
    def __init__(self, *, package, executable, name, namespace, parameters, arguments, output, emulate_tty):
        self.started = {"package": package, "executable": executable, "name": name, "namespace": namespace}
        self.started |= {"parameters": parameters, "arguments": arguments}

    def execute(self, context):
        context.started.append({**self.started, "environment": dict(os.environ)})


def replace_environment(environment):
    os.environ.clear()
    os.environ.update(environment)


def run(entity, context):
    for inner in entity.execute(context) or ():
        run(inner, context)


def main(folder, path, *given):
    names = {
        "launch": ["LaunchDescription"],
        "launch.actions": [
            *("DeclareLaunchArgument", "GroupAction", "IncludeLaunchDescription", "LogInfo", "OpaqueFunction"),
            "SetEnvironmentVariable",
        ],
        "launch.launch_description_sources": ["PythonLaunchDescriptionSource"],
        "launch_ros": [],
        "launch_ros.actions": ["Node"],
        "launch_ros.parameter_descriptions": ["ParameterValue"],
    }
    for name, contents in names.items():
        module = sys.modules[name] = ModuleType(name)
        vars(module).update({content: globals()[content] for content in contents})
    sys.modules["launch"].Action = sys.modules["launch"].LaunchContext = object  # in annotations only
    sys.path.append(folder)
    context = SimpleNamespace(launch_configurations={}, environment=dict(os.environ), declared=[], said=[], started=[])
    arguments = [text.split(":=", 1) for text in given]
    run(IncludeLaunchDescription(PythonLaunchDescriptionSource(path), launch_arguments=arguments), context)
    shown = {"declared": context.declared, "said": context.said, "started": context.started}
    print(json.dumps({**shown, "left": context.launch_configurations}, default=lambda parameter: parameter.value))


if __name__ == "__main__":
    main(*sys.argv[1:])
