"""Writes the .pth files of the weight tests: a ResNet-18 with one channel in its first stage, as PyTorch saves it.

Element e of tensor i (torchvision's order, without num_batches_tracked) is ((7 e + 3 i) mod 64) / 64 - 1/2, exact in
half precision. All tensors are views of one storage, which keeps the files small.
"""

import sys

import torch
import torchvision
from torch import nn


def narrow_resnet18():
    model = torchvision.models.resnet18()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            out, in_ = module.weight.shape[:2]
            in_ = in_ if in_ == 3 else in_ // 64
            module.weight = nn.Parameter(torch.zeros(out // 64, in_, *module.weight.shape[2:]))
        elif isinstance(module, nn.BatchNorm2d):
            module.__init__(module.num_features // 64)
    model.fc = nn.Linear(8, 2)
    return model


def values(state, dtype):
    named = [(name, tensor) for name, tensor in state.items() if not name.endswith("num_batches_tracked")]
    flat = torch.cat([
        (torch.arange(tensor.numel()) * 7 + 3 * i).remainder(64).to(torch.float64) / 64 - 0.5
        for i, (_, tensor) in enumerate(named)
    ]).to(dtype)
    views, start = {}, 0
    for name, tensor in named:
        views[name] = flat[start:start + tensor.numel()].view(tensor.shape)
        start += tensor.numel()
    return views


def main(folder):
    state = values(narrow_resnet18().state_dict(), torch.float16)
    torch.save(state, f"{folder}/resnet18_narrow.pth")
    # As MoCo's training program writes it, in the format before PyTorch 1.6: the momentum average comes first.
    moco = {f"module.encoder_k.{name}": tensor * 0 for name, tensor in list(state.items())[:1]}
    moco |= {f"module.encoder_q.{name}": tensor for name, tensor in state.items()}
    checkpoint = {"epoch": 7, "arch": "resnet18", "state_dict": moco}
    torch.save(checkpoint, f"{folder}/moco_narrow_legacy.pth", _use_new_zipfile_serialization=False)


main(sys.argv[1])
