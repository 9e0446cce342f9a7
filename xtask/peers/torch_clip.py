"""PyTorch's training steps of torchvision's video backbones: BACKBONE BATCH FRAMES SIDE, for example r3d_18 4 16 112.
Forward, cross-entropy over 400 classes, backward and SGD, with the clips in memory. The last line is clips a second, and the
most memory that the process ever held, in MB."""
import os
import sys

import torch
from torchvision.models import video

from common import peak_memory, rate, training

backbone, batch, frames, side = sys.argv[1], *map(int, sys.argv[2:])
torch.set_num_threads(len(os.sched_getaffinity(0)))
network = getattr(video, backbone)(num_classes=400).train()
if backbone == "s3d":
    # Its own pooling wants clips of 224 pixels.
    network.avgpool = torch.nn.AdaptiveAvgPool3d(1)
optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
clips, labels = torch.randn(batch, 3, frames, side, side), torch.arange(batch) % 400

print(f"{rate(training(network, optimizer, clips, labels), batch, seconds=5.0):.3f} {peak_memory():.1f}")
