"""SimCLR's views out of torchvision's transforms: FOLDER SIDE RECIPE WORKERS.
The last line is pictures a second, two views each."""
import sys

from torchvision.transforms import v2
import torch

from common import forever, loader, rate

folder, side, recipe, workers = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
strength = 0.5 if recipe == "simclr-cifar" else 1.0
steps = [
    v2.RandomResizedCrop(side, scale=(0.08, 1.0)),
    v2.RandomHorizontalFlip(),
    v2.RandomApply([v2.ColorJitter(0.8 * strength, 0.8 * strength, 0.8 * strength, 0.2 * strength)], 0.8),
    v2.RandomGrayscale(0.2),
]
if recipe != "simclr-cifar":
    steps.append(v2.RandomApply([v2.GaussianBlur(side // 10 | 1, (0.1, 2.0))], 0.5))
steps += [
    v2.PILToTensor(),
    v2.ToDtype(torch.float32, scale=True),
    v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
]
view = v2.Compose(steps)
print(rate(forever(loader(folder, lambda picture: (view(picture), view(picture)), 64, workers)), 64))
