"""Contact sheets: many pictures on one, each with its caption, for eyes that judge a class, a cull or a dream."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

__all__ = ["contact_sheet"]

_BACKGROUND = (18, 18, 22)
_TEXT = (222, 222, 228)
# Mid-tones: a black glyph and a white one both stand out where the picture is transparent.
_CHECKER = ((104, 104, 110), (136, 136, 142))
_CHECKER_SIDE = 8
_MARGIN = 12
_LINE_SPACING = 4


def contact_sheet(
    images: Sequence[Image.Image | None], captions: Sequence[str], *, columns: int, cell: int, title: str = ""
) -> Image.Image:
    """`images` in rows of `columns`, each fitted into `cell` × `cell` pixels over its caption, on one RGB picture.

    Proportions are kept, small pictures are enlarged, transparency shows a grey checker; a row is as high as its
    highest picture. A caption may have several lines; a line wider than its cell ends in an ellipsis. None leaves its
    cell empty, an empty sheet holds the title alone. Raises `ValueError` when pictures and captions differ in number.
    """
    cells = [(_fitted(image, cell), caption) for image, caption in zip(images, captions, strict=True)]
    columns = max(1, min(columns, len(cells)))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    font = ImageFont.load_default(max(11, min(18, cell // 9)))
    title_font = ImageFont.load_default(22)

    line_height = _line_height(font)
    caption_lines = max((caption.count("\n") + 1 for caption in captions if caption), default=0)
    caption_height = caption_lines * line_height + (_LINE_SPACING if caption_lines else 0)
    picture_heights = [max(image.height for image, _ in row) for row in rows]
    top = _MARGIN + (_line_height(title_font) + _MARGIN if title else 0)
    width = _MARGIN + columns * (cell + _MARGIN)
    if title:
        width = max(width, int(title_font.getlength(title)) + 2 * _MARGIN)
    height = top + sum(picture_heights) + len(rows) * (caption_height + _MARGIN)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((_MARGIN, _MARGIN), title, fill=_TEXT, font=title_font)

    for row, picture_height in zip(rows, picture_heights, strict=True):
        for column, (image, caption) in enumerate(row):
            left = _MARGIN + column * (cell + _MARGIN)
            sheet.paste(image, (left + (cell - image.width) // 2, top + (picture_height - image.height) // 2))
            for number, line in enumerate(caption.split("\n")):
                upper = top + picture_height + _LINE_SPACING + number * line_height
                draw.text((left, upper), _shortened(line, font, cell), fill=_TEXT, font=font)
        top += picture_height + caption_height + _MARGIN
    return sheet


def _fitted(image: Image.Image | None, cell: int) -> Image.Image:
    if image is None:
        return Image.new("RGB", (1, 1), _BACKGROUND)
    fitted = ImageOps.contain(image.convert("RGBA"), (cell, cell), Image.Resampling.LANCZOS)
    return Image.alpha_composite(_checker(fitted.size), fitted) if image.has_transparency_data else fitted


def _line_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    return round(font.getbbox("Ag|")[3] * 1.15)


def _shortened(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(line) <= width:
        return line
    kept = len(line)
    while kept and font.getlength(line[:kept].rstrip() + "…") > width:
        kept -= 1
    return line[:kept].rstrip() + "…"


def _checker(size: tuple[int, int]) -> Image.Image:
    """An opaque RGBA checkerboard: two by two pixels enlarged would blur at odd sizes, so it is drawn."""
    board = Image.new("RGBA", size, _CHECKER[0])
    draw = ImageDraw.Draw(board)
    for top in range(0, size[1], _CHECKER_SIDE):
        for left in range(top % (2 * _CHECKER_SIDE), size[0], 2 * _CHECKER_SIDE):
            draw.rectangle((left, top, left + _CHECKER_SIDE - 1, top + _CHECKER_SIDE - 1), fill=_CHECKER[1])
    return board
