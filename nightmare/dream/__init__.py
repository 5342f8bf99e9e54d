"""The dream engine for programs: `from nightmare.dream import Recipe, dream, load_model`.

A name is looked up when it is asked for: whatever a package file imported, every stage would depend on.
"""

__all__ = ["PRESETS", "Recipe", "dream", "dream_pictures", "dream_steps", "load_model"]

_HOMES = {
    "PRESETS": "nightmare.dream.presets",
    "Recipe": "nightmare.dream.recipe",
    "dream": "nightmare.dream.engine",
    "dream_pictures": "nightmare.dream.engine",
    "dream_steps": "nightmare.dream.engine",
    "load_model": "nightmare.train.model",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
