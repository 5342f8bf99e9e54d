"""The licences under which a drawing may be used, changed and shown: an allow-list, whatever is not here stays out.

NonCommercial, NoDerivatives and unknown terms are not here: a dream is an adaptation, and someone may sell a print.
"""

__all__ = ["OPEN_LICENCES"]

OPEN_LICENCES = {
    "Apache-2.0": "use and change freely; keep the notice",
    "CC-BY-3.0": "use and change freely; name the author",
    "CC-BY-4.0": "use and change freely; name the author",
    "CC-BY-SA-4.0": "use and change freely; name the author, share adaptations of a drawing alike",
    "CC0-1.0": "no conditions",
    "ISC": "use and change freely; keep the notice",
    "MIT": "use and change freely; keep the notice",
    "OFL-1.1": "use and change freely, also in pictures; the font itself is not sold alone",
}
