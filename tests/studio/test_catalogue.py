"""Networks that are lent to the catalogue, beside those of its list."""

import pytest
from studios import small_model

from nightmare.errors import ModelError
from nightmare.studio.models import Catalogue, Network
from nightmare.train.model import Model


def test_lent_networks_dream_and_are_no_part_of_the_list() -> None:
    loaded: list[str] = []

    def network(name: str, version: str = "1") -> Network:
        def load() -> Model:
            loaded.append(name)
            return small_model()

        return Network(name, name, load, version=version)

    catalogue = Catalogue([network("own")], lent=2)
    for name in ("a", "b", "c"):
        catalogue.lend(network(name))
    assert list(catalogue.networks) == ["own"]
    assert catalogue.model("a") is catalogue.model("a")
    for name in ("b", "a", "c", "a", "b"):
        catalogue.model(name)
    assert loaded == ["a", "b", "c", "b"], "the last two stay"
    assert catalogue.named("nobody's") == ""
    assert "own" in loaded
    count = len(loaded)
    for version, loads in (("1", 0), ("2", 1), ("2", 1)):
        catalogue.lend(network("b", version))
        catalogue.model("b")
        assert loaded[count:] == ["b"] * loads, "only another version is loaded anew"
    with pytest.raises(ModelError, match="choose one of own"):
        catalogue.network("d")


def test_network_is_found_by_its_weights_beside_one_that_cannot_be_read() -> None:
    def broken() -> Model:
        raise ModelError("no weights")

    catalogue = Catalogue([Network("broken", "broken", broken), Network("own", "own", small_model)])
    assert catalogue.named(small_model().sha256) == "own"
