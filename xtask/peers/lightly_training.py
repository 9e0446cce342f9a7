"""SimCLR with lightly from files to optimiser step: FOLDER BATCH WIDTH.
ResNet-18 for small pictures, two views of 32 pixels, SGD. The last line is pictures a second, two views each."""
import os
import sys

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from torch import nn

from common import forever, loader, rate, resnet18

folder, batch, width = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
cores = len(os.sched_getaffinity(0))
torch.set_num_threads(cores)
backbone, features = resnet18(width)
network = nn.Sequential(backbone, SimCLRProjectionHead(features, features, 128)).train()
criterion = NTXentLoss(0.5)
optimizer = torch.optim.SGD(network.parameters(), 0.06, momentum=0.9, weight_decay=5e-4)
views = loader(folder, SimCLRTransform(input_size=32, cj_strength=0.5, gaussian_blur=0.0), batch, cores)


def steps():
    for (first, second), _ in forever(views):
        loss = criterion(network(first), network(second))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


print(rate(steps(), batch, seconds=30.0))
