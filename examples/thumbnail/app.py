"""Makes a thumbnail of an image."""

import base64
import io

from PIL import Image, ImageOps


def handler(event, context):
    side = int(event.get("side", 96))
    image = Image.open(io.BytesIO(base64.b64decode(event["image"])))
    print(f"{image.format} of {image.width} x {image.height}, to fit {side} x {side}")
    image = ImageOps.exif_transpose(image).convert("RGB")
    image.thumbnail((side, side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return {
        "format": "JPEG",
        "width": image.width,
        "height": image.height,
        "bytes": out.tell(),
        "image": base64.b64encode(out.getvalue()).decode(),
    }
