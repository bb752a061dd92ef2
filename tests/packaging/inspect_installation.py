"""Say as JSON where the installed plugin lies, and load all that its manifest names."""

from __future__ import annotations

import importlib
import json
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from npe2 import PluginManifest

import napari_ecc_align
from napari_ecc_align._images import samples

NAME = "napari-ecc-align"


def load(python_name: str) -> Any:
    """Import what a manifest calls ``module:name``."""
    module, name = python_name.split(":")
    return getattr(importlib.import_module(module), name)


installed = distribution(NAME)
manifest = PluginManifest.from_distribution(NAME)
manifest.validate_imports()
contributions = manifest.contributions
commands = {command.id: load(command.python_name) for command in contributions.commands}
layers = {sample.key: commands[sample.command]() for sample in contributions.sample_data}
pairs = {name: samples.sample(name) for name in samples.sample_names()}
scripts = installed.entry_points.select(group="console_scripts")
package = Path(napari_ecc_align.__file__).parent

print(
    json.dumps(
        {
            "package": str(package.resolve()),
            "distribution": str(Path(str(installed.locate_file(""))).resolve()),
            "manifest": str(package / "napari.yaml"),
            "name": manifest.name,
            "version": manifest.package_version,
            "widgets": [widget.display_name for widget in contributions.widgets],
            "samples": {key: len(images) for key, images in layers.items()},
            "pairs": {name: [*one.reference.shape] for name, one in pairs.items()},
            "scripts": {script.name: callable(script.load()) for script in scripts},
            "files": sorted(
                path.name for path in package.joinpath("_images/samples/data").iterdir()
            ),
        }
    )
)
