"""OME-NGFF documents as others write them."""

import json

ENDS = {"input": {"name": "in"}, "output": {"name": "out"}}


def ome(*transformations, systems=()):
    return json.dumps(
        {"coordinateSystems": list(systems), "coordinateTransformations": list(transformations)}
    )


def axes(name, *names):
    return {"name": name, "axes": [{"name": axis} for axis in names]}
