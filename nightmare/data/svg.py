"""SVG text from the icon source to pixels, without anything from outside the text.

The text is parsed, checked, written anew and only then handed to resvg: what is drawn is what was checked.
System fonts are off, so that every machine draws the same.
"""

import io
import re
from xml.etree import ElementTree

import resvg_py
from PIL import Image

from nightmare.errors import ImageError

__all__ = ["render_svg"]

_MAX_BYTES = 1 << 20
_FORBIDDEN = {"feImage", "foreignObject", "image", "script"}
_NAMESPACE = "{http://www.w3.org/2000/svg}"
_OUTSIDE = re.compile(r"url\s*\(\s*['\"]?\s*(?!#)|@import", re.IGNORECASE)


def render_svg(data: bytes, *, pixels: int, largest_aspect: float) -> Image.Image:
    """The drawing as RGBA, its shorter side `pixels` long.

    Raises `ImageError`: `bytes` (over 1 MiB), `damaged` (not UTF-8 or not XML), `format` (not SVG, or without a
    size), `unsafe` (a DOCTYPE, an entity, a script, or a reference to anything outside) or `aspect`.
    """
    if len(data) > _MAX_BYTES:
        raise ImageError("bytes", f"{len(data)} bytes of SVG, {_MAX_BYTES} are allowed")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImageError("damaged", "the SVG is not UTF-8") from None
    if re.search(r"<!\s*(DOCTYPE|ENTITY)", text, re.IGNORECASE):
        raise ImageError("unsafe", "the SVG declares a document type or an entity")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (without a document type there are no entities to expand)
    except ElementTree.ParseError as error:
        raise ImageError("damaged", f"the SVG is not XML: {error}") from None
    if root.tag != f"{_NAMESPACE}svg":
        raise ImageError("format", f"the root element is {root.tag}, not svg")
    _check_references(root)
    width, height = _size(root)
    if max(width, height) > largest_aspect * min(width, height):
        raise ImageError("aspect", f"the drawing measures {width:g} by {height:g}")
    scale = pixels / min(width, height)
    # Without them the view box alone says the proportions, and they were just checked.
    for attribute in ("width", "height"):
        root.attrib.pop(attribute, None)
    root.set("viewBox", root.get("viewBox", f"0 0 {width} {height}"))
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=ElementTree.tostring(root, encoding="unicode"),
            width=round(width * scale),
            height=round(height * scale),
            skip_system_fonts=True,
        )
    except ValueError as error:
        raise ImageError("damaged", f"resvg: {error}") from None
    return Image.open(io.BytesIO(bytes(png)), formats=["PNG"])


def _check_references(root: ElementTree.Element) -> None:
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if name in _FORBIDDEN:
            raise ImageError("unsafe", f"the SVG holds an element <{name}>")
        for attribute, value in element.attrib.items():
            if attribute.rpartition("}")[2] == "href" and not value.strip().startswith("#"):
                raise ImageError("unsafe", f"<{name}> refers to {value[:60]!r}")
            if _OUTSIDE.search(value):
                raise ImageError("unsafe", f"<{name}> refers to {value[:60]!r}")
        if name == "style" and _OUTSIDE.search("".join(element.itertext())):
            raise ImageError("unsafe", "a style sheet in the SVG refers to something outside")


def _size(root: ElementTree.Element) -> tuple[float, float]:
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    texts = box[2:] if len(box) == 4 else [root.get(side, "").removesuffix("px") for side in ("width", "height")]
    try:
        width, height = (float(text) for text in texts)
    except ValueError:
        raise ImageError("format", "the SVG says neither a view box nor a width and height in pixels") from None
    if not (0 < width < float("inf") and 0 < height < float("inf")):
        raise ImageError("format", f"the SVG measures {width:g} by {height:g}")
    return width, height
