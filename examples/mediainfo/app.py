"""Tells what is in a media file."""

import base64
import os
import tempfile

from pymediainfo import MediaInfo

FIELDS = (
    "format",
    "duration",
    "sampling_rate",
    "channel_s",
    "bit_depth",
    "width",
    "height",
    "bit_rate",
)


def handler(event, context):
    with tempfile.NamedTemporaryFile(suffix=event.get("suffix", "")) as file:
        file.write(base64.b64decode(event["media"]))
        file.flush()
        print(f"probing {os.path.getsize(file.name)} bytes")
        tracks = MediaInfo.parse(file.name).tracks
    return {"tracks": [describe(track) for track in tracks]}


def describe(track):
    found = {"kind": track.track_type}
    for field in FIELDS:
        value = getattr(track, field, None)
        if value is not None:
            found[field] = value
    return found
