import io

import pytest
from PIL import Image
from synthetic import drawing, make_candidates, png

from nightmare.data.ingest import content_id, ingest
from nightmare.data.store import read_image, write_images
from nightmare.errors import InputError
from nightmare.tables import DUPLICATES, IMAGES, REJECTS, write_table


def run(candidates, raw, **options):
    return ingest(candidates, raw, **{"pixels": 48, "megapixels": 1.0, "near_distance": 6, "workers": 1} | options)


def bmp(number):
    file = io.BytesIO()
    drawing(number).save(file, "BMP")
    return file.getvalue()


@pytest.fixture
def mixed(tmp_path):
    things = [
        {"data": png(drawing(1)), "grade_hint": "B"},
        {"data": png(drawing(1)), "grade_hint": "A", "class_hint": "lizards"},  # equal bytes, better grade, other class
        {"data": bmp(1), "grade_hint": ""},  # equal pixels
        {"data": png(drawing(2))},
        {"data": png(drawing(2).transpose(Image.Transpose.ROTATE_90))},  # near
        {"data": png(drawing(3))},
        {"data": b"<html>"},
        {"data": b"<html>", "class_hint": "lizards"},  # a copy of what is refused is refused as well
        {"data": png(drawing(4))[:100]},
    ]
    return make_candidates(tmp_path / "raw", things), tmp_path / "raw"


def test_every_candidate_ends_once(mixed):
    candidates, raw = mixed
    result = run(candidates, raw)
    ends = [*result.images["candidate"], *result.duplicates["candidate"], *result.rejects["candidate"]]
    assert sorted(ends) == sorted(candidates["id"])
    assert (len(result.images), len(result.duplicates), len(result.rejects)) == (4, 2, 3)


def test_the_best_copy_is_kept_and_conflicts_are_told(mixed):
    result = run(*mixed)
    kept = result.images.set_index("candidate").loc["c001"]
    assert (kept["class_hint"], kept["grade_hint"]) == ("lizards", "A")
    copies = result.duplicates.set_index("candidate")
    assert copies.loc["c000", ["kind", "duplicate_of"]].tolist() == ["raw", kept["id"]]
    assert copies.loc["c002", ["kind", "duplicate_of"]].tolist() == ["pixels", kept["id"]]
    assert copies.loc["c000", ["class_hint", "kept_class_hint", "conflict"]].tolist() == ["frogs", "lizards", True]


def test_of_equal_grades_the_larger_original_is_kept_then_the_first_source(tmp_path):
    small = drawing(1, side=48)
    large = small.resize((96, 96), Image.Resampling.NEAREST)
    shrunk = large.resize((48, 48), Image.Resampling.LANCZOS, reducing_gap=3)
    things = [
        {"data": png(shrunk), "source": "a"},
        {"data": png(large), "source": "b", "source_id": "2"},
        {"data": png(large), "source": "b", "source_id": "1"},
    ]
    result = run(make_candidates(tmp_path, things), tmp_path)
    assert result.images["candidate"].tolist() == ["c002"]
    assert result.images["original_width"].tolist() == [96]
    assert sorted(result.duplicates["kind"]) == ["pixels", "raw"]


def test_groups_take_the_smallest_id(mixed):
    images = run(*mixed).images.set_index("candidate")
    pair = images.loc[["c003", "c004"]]
    assert pair["group"].tolist() == [pair["id"].min()] * 2
    assert images.loc["c005", "group"] == images.loc["c005", "id"]


def test_rejects_say_why(mixed):
    rejects = run(*mixed).rejects.set_index("candidate")
    assert rejects["reason"].to_dict() == {"c006": "format", "c007": "format", "c008": "damaged"}
    assert rejects["detail"].str.len().min() > 10
    assert rejects.loc["c006", "source_id"] == "s006"


def test_order_and_processes_change_nothing(mixed, tmp_path):
    candidates, raw = mixed
    one = run(candidates, raw)
    other = run(candidates.sample(frac=1, random_state=3), raw, workers=2)
    for name, table in (("duplicates", DUPLICATES), ("rejects", REJECTS)):
        for run_name, result in (("one", one), ("other", other)):
            write_table(getattr(result, name), tmp_path / f"{run_name}-{name}.csv", table)
        assert (tmp_path / f"one-{name}.csv").read_bytes() == (tmp_path / f"other-{name}.csv").read_bytes()
    assert one.images.equals(other.images)
    assert one.pictures == other.pictures


def test_stored_pictures_are_those_of_the_table(mixed, tmp_path):
    result = run(*mixed)
    images = write_images(result.images, result.pictures, tmp_path / "images", shards=3)
    write_table(images, tmp_path / "images.csv", IMAGES)
    for row in images.itertuples():
        picture = read_image(tmp_path / "images", row)
        assert content_id(picture) == row.id
        assert picture.size == (row.width, row.height) == (48, 48)
    assert len(list((tmp_path / "images").iterdir())) == 3


def test_a_missing_shard_names_the_repair(mixed, tmp_path):
    result = run(*mixed)
    images = write_images(result.images, result.pictures, tmp_path / "images", shards=1)
    (tmp_path / "images" / "shard-000.tar").unlink()
    with pytest.raises(InputError, match="dvc"):
        read_image(tmp_path / "images", images.iloc[0])


def test_ids_know_shape_and_mode():
    wide, high = Image.new("RGB", (4, 2)), Image.new("RGB", (2, 4))
    assert len({content_id(wide), content_id(high), content_id(Image.new("L", (6, 4)))}) == 3


def test_nothing_but_rejects(tmp_path):
    result = run(make_candidates(tmp_path, [{"data": b"x"}, {"data": b""}]), tmp_path)
    assert (len(result.images), len(result.duplicates), len(result.rejects)) == (0, 0, 2)


def test_no_candidates(tmp_path):
    with pytest.raises(InputError, match="no candidates"):
        run(make_candidates(tmp_path, []), tmp_path)


def test_raw_bytes_that_are_not_those_of_the_table(mixed):
    candidates, raw = mixed
    candidates.loc[0, "sha256"] = "0" * 64
    with pytest.raises(InputError, match="other bytes than candidate c000"):
        run(candidates, raw)
