"""What the peers' scripts share: the network, the loader, and how rate and memory are taken."""
import re
import time

import torch
import torchvision
from torch import nn
from torch.nn.functional import cross_entropy


def resnet18(width):
    """ResNet-18 with the stem for small pictures and a share of the channels; returns it and its features."""
    channels = int(64 * width)
    inputs = channels
    layers = [nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
    for stage in range(4):
        for block in range(2):
            outputs = channels * 2**stage
            stride = 2 if stage > 0 and block == 0 else 1
            shortcut = None
            if stride != 1 or inputs != outputs:
                shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            layers.append(torchvision.models.resnet.BasicBlock(inputs, outputs, stride, shortcut))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten()), inputs


def loader(folder, transform, batch, workers):
    data = torchvision.datasets.ImageFolder(folder, transform)
    return torch.utils.data.DataLoader(
        data, batch, shuffle=True, drop_last=True, num_workers=workers, persistent_workers=workers > 0
    )


def training(network, optimizer, inputs, labels):
    """Steps of a classifier on one batch in memory, without end."""
    while True:
        loss = cross_entropy(network(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield


def rate(batches, instances, seconds=15.0):
    """Instances a second of a generator of batches, after its first one; at least so many seconds are measured."""
    next(batches)
    start, done = time.perf_counter(), 0
    for _ in batches:
        done += instances
        if time.perf_counter() - start > seconds:
            break
    return done / (time.perf_counter() - start)


def forever(batches):
    while True:
        yield from batches


def peak_memory():
    """The most memory that this process ever held, in MB; NaN where the system does not tell, which only Linux does."""
    try:
        with open("/proc/self/status") as status:
            return int(re.search(r"VmHWM:\s*(\d+) kB", status.read())[1]) * 1024 / 1e6
    except OSError:
        return float("nan")
