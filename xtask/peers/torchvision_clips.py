"""Clips decoded by PyAV and treated by torchvision: FOLDER FRAMES STRIDE SIDE WORKERS. One clip a video from a random frame on, reached from the key frame
before it; crop, flip, jitter and grey are the same for all frames of a clip, as in the recipe `moco-v2` without blur. Worker processes, one
thread each. The last line is clips a second."""
import random
import sys

import av
import torch
from torchvision.transforms import v2

from common import forever, rate
from video_files import videos

folder, (frames, stride, side, workers) = sys.argv[1], map(int, sys.argv[2:])
BATCH = 8


class Clips(torch.utils.data.Dataset):
    def __init__(self, files):
        self.files = files
        self.view = v2.Compose(
            [
                v2.RandomResizedCrop(side, scale=(0.2, 1.0)),
                v2.RandomHorizontalFlip(),
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
                v2.RandomGrayscale(0.2),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        path, times = self.files[index]
        start = random.randrange(max(1, len(times) - (frames - 1) * stride))
        wanted = [times[(start + place * stride) % len(times)] for place in range(frames)]
        return self.view(torch.stack(decode(path, wanted)).permute(0, 3, 1, 2))


def decode(path, times):
    """The frames at these times, `[height, width, 3]` each."""
    found = {}
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        container.seek(min(times), stream=stream)
        for frame in container.decode(stream):
            if frame.pts in times:
                found[frame.pts] = torch.from_numpy(frame.to_ndarray(format="rgb24"))
                if len(found) == len(set(times)):
                    break
    return [found[time] for time in times]


if __name__ == "__main__":
    clips = Clips(videos(folder))
    batch = min(BATCH, len(clips))
    batches = torch.utils.data.DataLoader(
        clips,
        batch,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    print(f"{rate(forever(batches), batch, seconds=6.0):.2f}")
