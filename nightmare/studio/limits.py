"""What the studio allows, in one table: every size, count and time that a request or a page can run into."""

from dataclasses import dataclass

__all__ = ["LIMITS", "Limits"]


@dataclass(frozen=True)
class Limits:
    """Bytes, pixels, seconds and counts. Tests make small ones; the studio runs with the defaults."""

    upload_bytes: int = 20_000_000  # of a photo
    uploads: int = 8  # that arrive or wait to be read at the same time
    uploads_read: int = 2  # of them that are decoded, each in a process of its own
    photos_bytes: int = 256_000_000  # of all that are kept in memory, the oldest make room
    photo_seconds: float = 3600  # for which one is kept after it was last asked for
    megapixels: int = 24  # of a photo, by its header
    smallest_side: int = 32  # of a photo; below it nothing can be dreamt of
    small_side: int = 224  # of a photo; below it a word of warning
    largest_side: int = 2048  # of a dream and of the brush's canvas
    side_step: int = 32  # between the sides that are offered for a dream
    dream_seconds: float = 120
    octaves: int = 9
    iterations: int = 100  # per octave
    dreams_waiting: int = 8  # beside the one that runs
    dreams_stopped: int = 8  # that can go further
    frames_per_second: float = 4
    frame_jobs: int = 16  # whose frames are kept
    frame_seconds: float = 60  # for which they are kept after the end
    results: int = 64  # finished dreams that can still be saved
    results_bytes: int = 256_000_000  # of all of them
    result_seconds: float = 3600
    session_results: int = 12  # thumbnails below the viewer
    patches_waiting: int = 4  # of all pages together
    patch_side_min: int = 32
    patch_side_max: int = 512
    json_bytes: int = 65_536
    page_size: int = 96  # rows of an answer
    thumbnail: int = 192  # longer side in pixels
    thumbnails: int = 4096  # that are kept in memory, of about 4 KB each
    thumbnail_seconds: int = 3600  # for which a browser need not ask for one again
    undo_steps: int = 20
    undo_bytes: int = 256_000_000
    compared: int = 6  # experiments side by side
    compared_bytes: int = 128_000_000  # of the pictures that Compare keeps
    album_megapixels: int = 40
    dvc_seconds: float = 60  # for an answer of DVC
    dvc_fresh_seconds: float = 30  # for which its last answer is good
    gradio_calls: int = 64  # of programs, that wait for Gradio
    gradio_sweep_seconds: int = 600  # between looks at the files that Gradio has written
    gradio_file_seconds: int = 3600  # after which they go
    body_seconds: float = 10  # for the body of a request to arrive, and more by its length
    body_pace: float = 100_000  # bytes a second that a slow line brings

    @property
    def patch_bytes(self) -> int:
        """Of the largest patch, RGBA."""
        return 4 * self.patch_side_max**2


LIMITS = Limits()
