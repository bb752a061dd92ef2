#!/usr/bin/env bash
# Install what the tests need and is missing, then run them all: ruff, mypy, pytest. Arguments
# are passed to pytest, from the root of the checkout; PYTHON chooses the Python.
set -euo pipefail
# shellcheck source=docs/python-env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../docs/python-env.sh"

# What Qt's wheels, OpenGL in software and an X server without a screen need on Debian and Ubuntu.
packages=(
    libfontconfig1 libgl1 libglib2.0-0 libegl1 libdbus-1-3 libxkbcommon0 libxkbcommon-x11-0
    libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-randr0 libxcb-shape0 libxcb-xkb1
    xvfb
)

# The report of a batch is opened in one of these.
browsers=(chromium-headless-shell chromium chromium-browser google-chrome chrome)
find_browser() {
    [ -n "${CHROMIUM:-}" ] || command -v "${browsers[@]}" >/dev/null
}

if [ "$(uname)" = Linux ]; then
    if command -v apt-get >/dev/null; then
        install_packages "${packages[@]}"
        # In a subshell, so that a system that has none does not end here.
        find_browser || (install_packages chromium) || true
    fi
    # Each process that runs tests starts one, also where there is a display: see tests/screen.py.
    command -v Xvfb >/dev/null || die "Xvfb is needed"
fi

find_browser || say "NO CHROMIUM HERE: the report will not be opened in a browser."

make_environment "$root/.venv-test" --editable ".[gui]" --group dev
cd -- "$root"

# Without its files of bytecode, Python would compile all tests again in each process.
unset PYTHONDONTWRITEBYTECODE

failed=()
check() {
    local name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed+=("$name")
}
check "ruff check" "$environment/python" -m ruff check docs src tests
check "ruff format" "$environment/python" -m ruff format --check docs src tests
if [ $# -eq 0 ]; then
    # Written now, beside mypy, which uses one core, they are there when three processes begin.
    "$environment/python" -m pytest --collect-only -qq >/dev/null 2>&1 &
fi
check "mypy" "$environment/python" -m mypy
wait
test_with() {
    local binding=$1
    shift
    env QT_API="$binding" PYTEST_QT_API="$binding" "$environment/python" -m pytest "$@"
}
# More at a time than most machines have cores, because many wait, but for those that measure time.
if [ $# -gt 0 ]; then
    check "pytest" test_with pyqt6 "$@"
else
    check "pytest" test_with pyqt6 -n 3 --dist worksteal -m "not alone"
    check "pytest, one at a time" test_with pyqt6 -m alone tests/gui
    check "pytest, PySide6" test_with pyside6 -n 2 --dist worksteal -m "both_bindings and not alone" \
        tests/gui
fi

find_browser || say "NOT TESTED: the report in a browser. Install Chromium, or name one: CHROMIUM=/path/to/it"
if [ ${#failed[@]} -gt 0 ]; then
    printf -v list '%s, ' "${failed[@]}"
    die "failed: ${list%, }"
fi
echo "Everything passed."
