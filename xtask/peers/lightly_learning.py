"""How well a method of lightly learns in a few epochs: simclr|moco-v2|byol|simsiam FOLDER EPOCHS SEED [BATCH WIDTH].
Trains on FOLDER/train, then weighted kNN (k 20, temperature 0.07) on frozen features, tested on FOLDER/test; a random
network beside it. SGD, learning rate 0.06 x batch / 128, 5 % warm-up, cosine. Trains on a GPU where there is one."""
import copy
import math
import os
import sys
import time

import torch
import torchvision
from lightly.loss import NegativeCosineSimilarity, NTXentLoss
from lightly.models import modules
from lightly.models.utils import update_momentum
from lightly.transforms import SimCLRTransform
from torch import nn
from torch.nn import functional
from torchvision.transforms import v2

from common import loader, resnet18

method, folder, epochs, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
batch = int(sys.argv[5]) if len(sys.argv) > 5 else 128
width = float(sys.argv[6]) if len(sys.argv) > 6 else 0.25
device = "cuda" if torch.cuda.is_available() else "cpu"
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
        (functional.normalize(backbone(pictures.to(device)), dim=1).cpu(), labels)
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


def without_negatives(projector, predictor):
    """BYOL's and SimSiam's pair of heads; the loss compares a view's prediction with the other view's projection."""
    cosine = NegativeCosineSimilarity()
    return projector, predictor, lambda predicted, other: cosine(predicted, other.detach())


def heads(size):
    """Projector, predictor, and the loss of one view's output and the other's."""
    if method == "simclr":
        return modules.SimCLRProjectionHead(size, size, 128), nn.Identity(), NTXentLoss(0.5)
    if method == "moco-v2":
        return modules.MoCoProjectionHead(size, size, 128), nn.Identity(), NTXentLoss(0.2, memory_bank_size=(1024, 128))
    if method == "byol":
        return without_negatives(modules.BYOLProjectionHead(size, 512, 128), modules.BYOLPredictionHead(128, 512, 128))
    if method == "simsiam":
        return without_negatives(
            modules.SimSiamProjectionHead(size, 512, 512), modules.SimSiamPredictionHead(512, 128, 512)
        )
    sys.exit(f"no method {method}: simclr, moco-v2, byol or simsiam")


def objective(first, second):
    if method == "simclr":
        return criterion(online(first), online(second))
    if method == "moco-v2":
        with torch.no_grad():
            key = target(second)
        return criterion(online(first), key)
    projected = online(first), online(second)
    with torch.no_grad():
        others = (target(first), target(second)) if method == "byol" else projected
    return (criterion(predictor(projected[0]), others[1]) + criterion(predictor(projected[1]), others[0])) / 2


backbone, size = resnet18(width)
backbone.to(device)
random_knn = knn(backbone)
projector, predictor, criterion = (part.to(device) if isinstance(part, nn.Module) else part for part in heads(size))
online = nn.Sequential(backbone, projector).train()
target = copy.deepcopy(online)
network = nn.Sequential(online, predictor).train()
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
        if method in ("moco-v2", "byol"):
            update_momentum(online, target, 0.99)
        loss = objective(first.to(device), second.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
seconds = time.perf_counter() - start
print(f"{method}: random network {random_knn:.4f}, kNN {knn(backbone):.4f} after {epochs} epochs, seed {seed}, {seconds:.0f} s on {device}")
