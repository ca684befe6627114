#!/usr/bin/env bash
# Makes the type stubs of TensorRT, which has none, from the module itself, so that mypy checks the calls that need a GPU.
set -e
stubs=$1/stubs/tensorrt_rtx_bindings/tensorrt_rtx.pyi
"$1/bin/stubgen" --quiet --inspect-mode -m tensorrt_rtx_bindings.tensorrt_rtx -o "$1/stubs"
# A variable that hides a type, and a signature that Python does not allow:
sed -i -e '/^bool: /d' -e '/def add_scale_nd/s/channel_axis: typing.SupportsInt)/channel_axis: typing.SupportsInt = ...)/' "$stubs"
