"""lightly's SimCLR views: FOLDER SIDE RECIPE WORKERS. The last line is pictures a second, two views each."""
import sys

from lightly.transforms import SimCLRTransform

from common import forever, loader, rate

folder, side, recipe, workers = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
if recipe == "simclr-cifar":
    transform = SimCLRTransform(input_size=side, cj_strength=0.5, gaussian_blur=0.0)
else:
    transform = SimCLRTransform(input_size=side)
print(rate(forever(loader(folder, transform, 64, workers)), 64))
