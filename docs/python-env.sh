# Shell functions for docs/demo.sh and tests/run.sh: Debian packages, a Python, and a virtual
# environment with this checkout in it. To be sourced, under `set -euo pipefail`.

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)

# What the caller has set for another Python must not reach into this environment.
unset PYTHONHOME PYTHONPATH
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }

die() {
    say "${0##*/}: $*"
    exit 1
}

# install_packages PACKAGE...: install those Debian packages that are missing.
install_packages() {
    # A package may have another name in another release (libglib2.0-0t64), so apt-get is asked
    # what it would do, not dpkg what is there.
    local plan
    if plan=$(apt-get install --simulate --no-upgrade --no-install-recommends "$@" 2>/dev/null) \
        && ! grep -q '^Inst ' <<<"$plan"; then
        return
    fi
    local become=(env)
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null \
            || die "packages are missing and only root may install them:
    sudo apt-get update && sudo apt-get install --no-install-recommends $*"
        become=(sudo -n env)
    fi
    local apt=("${become[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq
        -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
    say "Installing packages of the system: $*"
    # One source that cannot be reached does not matter if the others have the packages.
    "${apt[@]}" update || say "apt-get update failed; going on with what is known."
    # Only what dpkg says about each package is dropped: errors are on the other stream.
    "${apt[@]}" install -y --no-upgrade --no-install-recommends "$@" >/dev/null \
        || die "apt-get could not install: $*"
}

# find_python: set `python` to $PYTHON, or to the first suitable one on the path.
find_python() {
    local candidate candidates=(python3 python3.13 python3.12 python3.11 python)
    if [ -n "${PYTHON:-}" ]; then
        candidates=("$PYTHON")
    elif ! command -v python3 >/dev/null && command -v apt-get >/dev/null; then
        install_packages python3
    fi
    for candidate in "${candidates[@]}"; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            return
        fi
    done
    die "no Python 3.11 or later here by the name of ${candidates[*]}; \
PYTHON=/path/to/python3 chooses one"
}

# create_environment FOLDER: an empty virtual environment; whatever was there is gone.
create_environment() {
    rm -rf -- "$1"
    mkdir -p -- "$1"
    # Says that the folder is ours to remove, also if what follows is interrupted.
    : >"$1/.made-with"
    # Debian's Python comes without what puts pip into an environment.
    if ! "$python" -c 'import ensurepip' 2>/dev/null && command -v apt-get >/dev/null; then
        install_packages "$("$python" -c \
            'import sys; print("python{}.{}-venv".format(*sys.version_info))')"
    fi
    "$python" -m venv "$1" || die "$python cannot make a virtual environment (see above)"
    printf '%s\n' "$2" >"$1/.made-with"
}

# make_environment FOLDER PIP-ARGUMENT...: set `environment` to the folder of programs of a
# virtual environment in which `pip install PIP-ARGUMENT...` has been run from the root. Nothing
# happens if that has been done already for this Python and this pyproject.toml.
make_environment() {
    local folder=$1 identity wanted
    shift
    find_python
    identity=$("$python" -c 'import sys
print("{}.{}".format(*sys.version_info), sys.base_prefix)')
    wanted=$("$python" -c 'import hashlib, pathlib, sys
text = pathlib.Path(sys.argv[1], "pyproject.toml").read_bytes()
print(hashlib.sha256(text).hexdigest(), *sys.argv[1:])' "$root" "$@")

    # An environment that someone else has made is used as it is.
    if [ ! -e "$folder" ] \
        || { [ -e "$folder/.made-with" ] && [ "$(<"$folder/.made-with")" != "$identity" ]; }; then
        say "Making ${folder#"$root/"} for Python ${identity%% /*}; this takes a minute or two."
        create_environment "$folder" "$identity"
    fi
    environment=$folder/bin
    [ -d "$environment" ] || environment=$folder/Scripts
    if [ "$(cat "$folder/.installed" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    # Older ones do not know --group.
    "$environment/python" -m pip install --quiet --upgrade pip \
        && (cd -- "$root" && "$environment/python" -m pip install --quiet "$@") \
        || die "pip could not install into $folder (see above). \
The first run downloads packages: is there a network?"
    printf '%s\n' "$wanted" >"$folder/.installed"
}
