#!/usr/bin/env bash
# Says in one sentence what this machine lacks for `make demo` and `make test`. Argument: the Python to use.
set -u
python=$1

fail() {
    echo "$1" >&2
    exit 1
}

command -v "$python" >/dev/null || fail "$python is missing; run: sudo apt install python3"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
3.10 | 3.11 | 3.12 | 3.13) ;;
*) fail "$python is Python $version, and PyPI's ROS wheels are for 3.10 to 3.13; run: make PYTHON=python3.12 ..." ;;
esac
[ "$(uname -sm)" = "Linux x86_64" ] || fail "PyPI's ROS wheels are for Linux on x86_64, not $(uname -sm); use a ROS installation"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv; run: sudo apt install python$version-venv"
header=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h
[ -f "$header" ] || fail "$header is missing; run: sudo apt install python$version-dev"
command -v g++ >/dev/null || fail "g++ is missing; run: sudo apt install g++"
