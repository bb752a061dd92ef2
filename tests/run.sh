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
    xvfb xauth
)

# The report of a batch is opened in one of these.
browsers=(chromium-headless-shell chromium chromium-browser google-chrome chrome)
find_browser() {
    [ -n "${CHROMIUM:-}" ] || command -v "${browsers[@]}" >/dev/null
}

on_screen=()
if [ "$(uname)" = Linux ]; then
    if command -v apt-get >/dev/null; then
        install_packages "${packages[@]}"
        # In a subshell, so that a system that has none does not end here.
        find_browser || (install_packages chromium) || true
    fi
    command -v xvfb-run >/dev/null || die "xvfb-run is needed: install Xvfb"
    # Also where there is a display: windows that pop up and take the focus disturb both sides.
    on_screen=(env -u WAYLAND_DISPLAY QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1
        xvfb-run -a -s "-screen 0 1280x1024x24")
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
    env QT_API="$binding" PYTEST_QT_API="$binding" ${on_screen[@]+"${on_screen[@]}"} \
        "$environment/python" -m pytest "$@"
}
# More at a time than most machines have cores, because many wait, but for those that measure time.
# The forms and what happens while they work on the other Qt binding too; layers and files know
# none.
forms=()
for name in after_a_run align_widget apply_widget compare_widget dataset_widget keyboard menus \
    while_running; do
    forms+=("tests/gui/test_$name.py")
done
if [ $# -gt 0 ]; then
    check "pytest" test_with pyqt6 "$@"
else
    check "pytest" test_with pyqt6 -n 3 --dist worksteal -m "not alone"
    check "pytest, one at a time" test_with pyqt6 -m alone
    check "pytest, PySide6" test_with pyside6 -n 3 --dist worksteal -m "not alone and not either_binding" \
        "${forms[@]}"
fi

find_browser || say "NOT TESTED: the report in a browser. Install Chromium, or name one: CHROMIUM=/path/to/it"
if [ ${#failed[@]} -gt 0 ]; then
    printf -v list '%s, ' "${failed[@]}"
    die "failed: ${list%, }"
fi
echo "Everything passed."
