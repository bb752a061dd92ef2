#!/usr/bin/env bash
# Build the documentation as a site, and check that no link in it leads nowhere.
#
# Usage: bash docs/build.sh
#
# The site is in build/site afterwards: open index.html there. The first run installs Sphinx and what
# else pyproject.toml has under "docs" into .venv-docs; after that no network is needed.
set -euo pipefail
# shellcheck source=docs/python-env.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/python-env.sh"

make_environment "$root/.venv-docs" --editable ".[docs]"
cd -- "$root"
rm -rf build/site
"$environment/python" -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs build/site
"$environment/python" docs/check_site.py build/site
say "The site is build/site/index.html."
