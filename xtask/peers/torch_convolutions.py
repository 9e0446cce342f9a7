"""PyTorch's convolutions: SHAPE…, each BATCH,SIDE,CHANNELS,OUTPUTS,KERNEL,STRIDE for pictures, or for clips
BATCH,FRAMES,SIDE,CHANNELS,OUTPUTS,KERNEL_FRAMES,KERNEL,STRIDE_FRAMES,STRIDE.
One line a shape: 10^9 floating-point operations a second, counted as for a direct sum, forwards, and forwards and
backwards together."""
import os
import sys
import time

import torch
from torch.nn.functional import conv2d, conv3d

torch.set_num_threads(len(os.sched_getaffinity(0)))


def seconds(call, least=0.3):
    call()
    start, calls = time.perf_counter(), 0
    while calls < 3 or time.perf_counter() - start < least:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls


def parse(shape):
    """Sizes of the input and of the weight, and the stride."""
    sizes = list(map(int, shape.split(",")))
    if len(sizes) == 6:
        batch, side, channels, outputs, kernel, stride = sizes
        return (batch, channels, side, side), (outputs, channels, kernel, kernel), (stride, stride)
    batch, frames, side, channels, outputs, kernel_frames, kernel, stride_frames, stride = sizes
    weight = (outputs, channels, kernel_frames, kernel, kernel)
    return (batch, channels, frames, side, side), weight, (stride_frames, stride, stride)


for shape in sys.argv[1:]:
    input, weight, stride = parse(shape)
    convolve = conv2d if len(input) == 4 else conv3d
    padding = tuple(side // 2 for side in weight[2:])
    x = torch.randn(*input, requires_grad=True)
    w = torch.randn(*weight, requires_grad=True)
    with torch.no_grad():
        forward = seconds(lambda: convolve(x, w, stride=stride, padding=padding))
    gradient = torch.ones_like(convolve(x, w, stride=stride, padding=padding))

    def step():
        torch.autograd.grad(convolve(x, w, stride=stride, padding=padding), (x, w), gradient)

    both = seconds(step)
    operations = 2 * gradient.numel() * w[0].numel()
    print(f"{operations / forward / 1e9:.1f} {3 * operations / both / 1e9:.1f}", flush=True)
