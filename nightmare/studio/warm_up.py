"""The first patch and the first steps, which are slow ones, before anybody waits for them."""

import logging
import threading
from concurrent.futures import CancelledError

from nightmare.errors import NightmareError
from nightmare.studio.looks import LOOKS, base_recipe
from nightmare.studio.tab import Parts

__all__ = ["warm_up"]

_log = logging.getLogger(__name__)


def warm_up(parts: Parts, ready: threading.Event) -> None:
    """Have the first network dream, then set `ready`, whatever comes of it: pages wait for that.

    What is wrong with the network is logged; pages hear of it from their first dream.
    """
    network = parts.catalogue.first
    try:
        parts.brush.calibrate(network)
        for look in LOOKS:
            parts.dreamer.calibrate(network, base_recipe(look))
    except CancelledError:
        pass  # the studio closes
    except NightmareError as error:
        _log.error("the model %s cannot dream: %s", network, error)
    except Exception:
        _log.exception("the model %s cannot dream", network)
    finally:
        ready.set()
