#!/usr/bin/env bash
# Install this checkout into .venv and run `ecc-align demo` with the arguments given.
set -euo pipefail
# shellcheck source=docs/python-env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/python-env.sh"

make_environment "$root/.venv" --editable ".[gui]"
exec "$environment/ecc-align" demo "$@"
