"""The videos of a folder, for the peers' scripts."""
import os

import av

ENDINGS = (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v")


def videos(folder):
    """The files that are named as videos and can be decoded to their ends, and the times of their frames in the order of showing."""
    paths = (os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names)
    found = ((path, times(path)) for path in sorted(paths) if path.lower().endswith(ENDINGS))
    return [(path, frames) for path, frames in found if frames]


def times(path):
    """None where a frame cannot be decoded."""
    try:
        with av.open(path) as container:
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}
            return sorted(frame.pts for frame in container.decode(stream))
    except (av.FFmpegError, IndexError):
        return None
