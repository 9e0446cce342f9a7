"""PyTorch's training steps of ResNets: DEPTH STEM WIDTH BATCH SIDE, for example resnet18 cifar 0.25 128 32.
Forward, cross-entropy, backward and SGD, with the images in memory. The last line is images a second, and the most memory
that the process ever held, in MB."""
import os
import sys

import torch
import torchvision
from torch import nn

from common import peak_memory, rate, resnet18, training

depth, stem, width, batch, side = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
torch.set_num_threads(len(os.sched_getaffinity(0)))
if (depth, stem) == ("resnet18", "cifar"):
    backbone, features = resnet18(width)
    network = nn.Sequential(backbone, nn.Linear(features, 10))
elif stem == "imagenet" and width == 1:
    network = getattr(torchvision.models, depth)(num_classes=10)
else:
    sys.exit("only resnet18 with the cifar stem, and torchvision's own networks")
optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=1e-4)
images, labels = torch.randn(batch, 3, side, side), torch.arange(batch) % 10

print(f"{rate(training(network, optimizer, images, labels), batch, seconds=5.0):.2f} {peak_memory():.1f}")
