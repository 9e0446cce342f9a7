"""How well SimCLR with lightly learns in a few epochs: FOLDER EPOCHS SEED [BATCH WIDTH].
Trains on FOLDER/train, then weighted kNN (k 20, temperature 0.07) on frozen features, tested on FOLDER/test; a random
network beside it. SGD, learning rate 0.06 x batch / 128, 5 % warm-up, cosine."""
import math
import os
import sys
import time

import torch
import torchvision
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from common import loader, resnet18

folder, epochs, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
batch = int(sys.argv[4]) if len(sys.argv) > 4 else 128
width = float(sys.argv[5]) if len(sys.argv) > 5 else 0.25
cores = len(os.sched_getaffinity(0))
torch.set_num_threads(cores)
torch.manual_seed(seed)

frozen = v2.Compose(
    [
        v2.Resize((32, 32)),
        v2.PILToTensor(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


@torch.no_grad()
def features(backbone, split):
    data = torchvision.datasets.ImageFolder(f"{folder}/{split}", frozen)
    parts = [
        (functional.normalize(backbone(pictures), dim=1), labels)
        for pictures, labels in torch.utils.data.DataLoader(data, 256)
    ]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def knn(backbone):
    backbone.eval()
    bank, bank_labels = features(backbone, "train")
    queries, labels = features(backbone, "test")
    similarities, nearest = (queries @ bank.T).topk(20)
    votes = torch.zeros(len(queries), int(bank_labels.max()) + 1)
    votes.scatter_add_(1, bank_labels[nearest], (similarities / 0.07).exp())
    return (votes.argmax(1) == labels).float().mean().item()


backbone, size = resnet18(width)
random_knn = knn(backbone)
network = nn.Sequential(backbone, SimCLRProjectionHead(size, size, 128)).train()
criterion = NTXentLoss(0.5)
base = 0.06 * batch / 128
optimizer = torch.optim.SGD(network.parameters(), base, momentum=0.9, weight_decay=5e-4)
views = loader(
    f"{folder}/train", SimCLRTransform(input_size=32, cj_strength=0.5, gaussian_blur=0.0), batch, cores
)
total, step, start = epochs * len(views), 0, time.perf_counter()
warmup = max(1, total // 20)
for _ in range(epochs):
    for (first, second), _ in views:
        share = (step + 1) / warmup if step < warmup else (1 + math.cos(math.pi * step / total)) / 2
        optimizer.param_groups[0]["lr"] = base * share
        loss = criterion(network(first), network(second))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
seconds = time.perf_counter() - start
print(f"random network {random_knn:.4f}, kNN {knn(backbone):.4f} after {epochs} epochs, seed {seed}, {seconds:.0f} s")
