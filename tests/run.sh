#!/usr/bin/env bash
# Install what the tests need and is missing, then run them all: ruff, mypy, pytest.
#
# Usage: bash tests/run.sh [--python VERSION] [--lowest | --constraints FILE] [PYTEST-ARGUMENT...]
#                          [--pre] [--binding pyside6]
#        bash tests/run.sh --versions [PYTEST-ARGUMENT...]
#
#   --python VERSION    with this Python, such as 3.12 (PYTHON names a program instead)
#   --lowest            with the lowest versions that pyproject.toml allows
#   --constraints FILE  with those of a constraints file of pip's, or its address, such as one of
#                       napari's; PySide6 is that of napari's bundle
#   --pre               with releases that are not final yet, where there are any
#   --binding NAME      all with this binding of Qt, pyqt6 or pyside6; left out, all with pyqt6, and
#                       with pyside6 what depends on the binding
#   --versions          the lowest versions with Python 3.11, then napari's constraints with each
#                       Python; NAPARI_CONSTRAINTS is the folder that has them, resources/constraints
#                       of napari's repository, or its address
#
# Arguments are passed to pytest, from the root of the checkout. With other versions than the
# newest only pytest runs; each set has an environment of its own.
set -euo pipefail
# shellcheck source=docs/python-env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/../docs/python-env.sh"

# python_of VERSION: print the program that is this Python.
python_of() {
    local candidate
    for candidate in "python$1" "$(command -v pyenv >/dev/null && pyenv root)/versions/$1".*/bin/python \
        "$(command -v uv >/dev/null && uv python find "$1" 2>/dev/null)"; do
        if "$candidate" -c '' 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    die "no Python $1 here, neither on the path nor by pyenv or uv"
}

if [ "${1:-}" = --versions ]; then
    shift
    failed=() constraints=${NAPARI_CONSTRAINTS:-}
    [ -n "$constraints" ] || die "NAPARI_CONSTRAINTS must name a folder; see the head of this file"
    bash "$0" --python 3.11 --lowest "$@" || failed+=("the lowest versions")
    for version in 3.11 3.12 3.13; do
        bash "$0" --python "$version" --constraints "$constraints/constraints_py$version.txt" "$@" \
            || failed+=("napari's constraints with Python $version")
    done
    [ ${#failed[@]} -eq 0 ] || die "failed: $(printf '%s; ' "${failed[@]}")"
    exit
fi

folder=$root/.venv-test versions=newest ignored=() more=() binding=
while [ $# -gt 0 ]; do
    case $1 in
        --python)
            PYTHON=$(python_of "$2")
            folder+=-$2
            shift 2
            ;;
        --lowest)
            folder+=-lowest versions=lowest
            shift
            ;;
        --constraints)
            folder+=-constraints versions=$2
            [ ! -f "$2" ] || versions=$(realpath -- "$2")
            shift 2
            ;;
        --pre)
            folder+=-pre versions=pre more=(--pre)
            shift
            ;;
        --binding)
            binding=$2
            shift 2
            ;;
        *) break ;;
    esac
done

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

# pip would compile all files of all packages, one after the other; the tests need a part of them.
case $versions in
    newest | pre)
        make_environment "$folder" --no-compile --editable ".[gui]" --group dev ${more[@]+"${more[@]}"}
        ;;
    lowest)
        find_python
        "$python" "$root/tests/floors.py" >"$folder.txt"
        make_environment "$folder" --editable ".[gui]" --group dev --constraint "$folder.txt"
        # The programs of the docs are checked with the types that libraries have now.
        ignored=(--ignore tests/core/test_typed_programs.py)
        ;;
    *)
        make_environment "$folder" --editable ".[gui]" --group test --constraint "$versions"
        (cd -- "$root" && "$environment/python" -m pip install --quiet --group pyside) \
            || die "pip could not install PySide6 (see above)"
        ;;
esac
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
if [ "$versions" = newest ]; then
    check "ruff check" "$environment/python" -m ruff check docs src tests
    check "ruff format" "$environment/python" -m ruff format --check docs src tests
    if [ $# -eq 0 ]; then
        # It uses one core and goes on beside the tests.
        typed=$(mktemp)
        trap 'rm -f -- "$typed"' EXIT
        "$environment/python" -m mypy >"$typed" 2>&1 &
        mypy=$!
        # Written now, they are there when three processes begin.
        "$environment/python" -m pytest --collect-only -qq >/dev/null 2>&1 || true
    else
        check "mypy" "$environment/python" -m mypy
    fi
fi
# said_by PROCESS FILE: wait for a process, print what it has said, and end as it did.
said_by() {
    local status=0
    wait "$1" || status=$?
    cat -- "$2"
    return "$status"
}
test_with() {
    local binding=$1
    shift
    env QT_API="$binding" PYTEST_QT_API="$binding" \
        "$environment/python" -m pytest ${ignored[@]+"${ignored[@]}"} "$@"
}
# More at a time than most machines have cores, because many wait, but for those that measure time.
if [ $# -gt 0 ]; then
    check "pytest" test_with "${binding:-pyqt6}" "$@"
else
    check "pytest" test_with "${binding:-pyqt6}" -n 3 --dist worksteal -m "not alone"
    if [ -n "${mypy:-}" ]; then
        check "mypy" said_by "$mypy" "$typed"
    fi
    check "pytest, one at a time" test_with "${binding:-pyqt6}" -m alone tests/gui
fi
if [ $# -eq 0 ] && [ -z "$binding" ]; then
    check "pytest, PySide6" test_with pyside6 -n 2 --dist worksteal -m "both_bindings and not alone" \
        tests/gui
fi

find_browser || say "NOT TESTED: the report in a browser. Install Chromium, or name one: CHROMIUM=/path/to/it"
if [ ${#failed[@]} -gt 0 ]; then
    printf -v list '%s, ' "${failed[@]}"
    die "failed: ${list%, }"
fi
echo "Everything passed."
