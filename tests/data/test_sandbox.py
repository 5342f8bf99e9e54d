import io
import resource
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from PIL import Image

from nightmare.data.decode import Decoded
from nightmare.data.sandbox import decode_all
from nightmare.errors import ImageError

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{}</svg>'
GOOD = SVG.format('<path fill="#f00" d="M0 0h12v24H0z"/>').encode(), "svg"


limits_memory = pytest.mark.skipif(sys.platform == "darwin", reason="macOS offers no limit on memory")


def run(files, *, megapixels=1.0, **options):
    return list(decode_all(files, pixels=32, megapixels=megapixels, **options))


def saved(image_format):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, image_format)
    return bytearray(file.getvalue())


def children(monkeypatch, *prefix):
    """The processes that the sandbox starts from now on, in a list that grows; `prefix` is a program to start them."""
    started = []
    real = subprocess.Popen

    def popen(command, **options):
        started.append(real([*prefix, *command], **options))
        return started[-1]

    monkeypatch.setattr("nightmare.data.sandbox.subprocess.Popen", popen)
    return started


def test_pixels_and_facts_come_back_through_the_pipe():
    image = Image.new("RGB", (64, 40), (255, 0, 0))
    image.paste((0, 0, 255), (0, 0, 32, 40))
    file = io.BytesIO()
    image.save(file, "GIF", save_all=True, append_images=[Image.new("RGB", (64, 40))])
    (result,) = run([(file.getvalue(), "file")])
    assert isinstance(result, Decoded)
    assert (result.image.mode, result.image.size) == ("RGB", (51, 32))
    assert (result.original_width, result.original_height, result.animated) == (64, 40, True)
    assert result.image.getpixel((5, 5)) == (0, 0, 255)


def test_refusals_come_back_in_their_place():
    results = run([GOOD, (b"", "file"), (b"%PDF", "file"), GOOD])
    assert isinstance(results[0], Decoded)
    assert isinstance(results[3], Decoded)
    assert [result.reason for result in results[1:3]] == ["empty", "format"]
    assert all(isinstance(result, ImageError) for result in results[1:3])


def test_what_takes_too_long_costs_its_own_row_only():
    # 100,000 shapes in 1,500 bytes.
    steps = "".join(f'<g id="a{n + 1}">' + f'<use href="#a{n}"/>' * 10 + "</g>" for n in range(5))
    slow = SVG.format(f'<g id="a0"><path d="M0 0h9v8z"/></g>{steps}').encode()
    results = run([GOOD, (slow, "svg"), GOOD], seconds=1)
    assert results[1].reason == "time"
    assert isinstance(results[0], Decoded)
    assert isinstance(results[2], Decoded)


@limits_memory
def test_what_takes_too_much_memory_costs_its_own_row_only():
    vast = saved("BMP")
    vast[18:26] = struct.pack("<ii", 480_000, 60_000)  # 115 GB, if anyone believed the header
    results = run([GOOD, (bytes(vast), "file"), GOOD], megapixels=30_000)
    assert results[1].reason == "memory"
    assert isinstance(results[0], Decoded)
    assert isinstance(results[2], Decoded)


@limits_memory
def test_jpeg_is_decoded_no_larger_than_needed():
    # 14 GB whole, 0.2 GB at an eighth of its sides. Its end is missing, so that there is little to decode.
    vast = saved("JPEG")[:-2]
    sides = vast.index(b"\xff\xc0") + 5
    vast[sides : sides + 4] = struct.pack(">HH", 60_000, 60_000)
    (result,) = run([(bytes(vast), "file")], megapixels=30_000)
    assert (result.reason, "truncated" in result.detail) == ("damaged", True)


@pytest.mark.parametrize("limit", [3600, 10], ids=["above our own", "below our own"])
def test_an_inherited_limit_on_time_is_kept(limit, monkeypatch):
    started = children(monkeypatch, "sh", "-c", f'ulimit -t {limit} && exec "$@"', "sh")
    results = decode_all([GOOD, GOOD], pixels=32, megapixels=1.0)
    assert isinstance(next(results), Decoded)
    if sys.platform == "linux":  # root may raise its limits, and would decode all the same
        soft, hard = resource.prlimit(started[0].pid, resource.RLIMIT_CPU)
        assert soft <= hard == limit
    assert isinstance(next(results), Decoded)
    results.close()


def test_text_draws_nothing_from_the_fonts_of_the_machine(monkeypatch, tmp_path):
    # In a child, since resvg looks for fonts once per process. matplotlib brings one to every machine.
    fonts = Path(matplotlib.get_data_path(), "fonts", "ttf")
    (tmp_path / "fonts.conf").write_text(f"<fontconfig><dir>{fonts}</dir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    text = SVG.format('<text y="20" font-size="20" font-family="DejaVu Sans">A</text>').encode()
    (result,) = run([(text, "svg")])
    assert result.reason == "blank"


def test_a_decoder_that_dies_costs_its_own_row_only(monkeypatch, tmp_path):
    # The child runs the package it finds in its folder: here one that kills itself on a certain file.
    package = tmp_path / "nightmare" / "data"
    package.mkdir(parents=True)
    (tmp_path / "nightmare" / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "sandbox.py").write_text(
        "import json, os, sys\n"
        "while line := sys.stdin.buffer.readline():\n"
        "    data = sys.stdin.buffer.read(json.loads(line)['length'])\n"
        "    if data == b'die':\n"
        "        os.abort()\n"
        '    sys.stdout.write(\'{"reason": "format", "detail": "alive", "length": 0}\\n\')\n'
        "    sys.stdout.flush()\n"
    )
    monkeypatch.setattr("nightmare.data.sandbox._PACKAGE_ROOT", tmp_path)
    results = run([(b"a", "file"), (b"die", "file"), (b"b", "file")])
    assert [result.reason for result in results] == ["format", "crash", "format"]


def test_the_child_is_gone_when_the_caller_stops(monkeypatch):
    started = children(monkeypatch)
    results = decode_all([GOOD, GOOD], pixels=32, megapixels=1.0)
    next(results)
    results.close()
    assert started[0].returncode is not None


def test_no_child_is_started_for_no_files(monkeypatch):
    monkeypatch.setattr("nightmare.data.sandbox.subprocess.Popen", lambda *_, **__: pytest.fail("started"))
    assert run([]) == []
