"""PyTorch's convolutions: SHAPE…, each BATCH,SIDE,CHANNELS,OUTPUTS,KERNEL,STRIDE.
One line a shape: 10^9 floating-point operations a second, counted as for a direct sum, forwards, and forwards and
backwards together."""
import os
import sys
import time

import torch
from torch.nn.functional import conv2d

torch.set_num_threads(len(os.sched_getaffinity(0)))


def seconds(call, least=0.3):
    call()
    start, calls = time.perf_counter(), 0
    while calls < 3 or time.perf_counter() - start < least:
        call()
        calls += 1
    return (time.perf_counter() - start) / calls


for shape in sys.argv[1:]:
    batch, side, channels, outputs, kernel, stride = map(int, shape.split(","))
    x = torch.randn(batch, channels, side, side, requires_grad=True)
    w = torch.randn(outputs, channels, kernel, kernel, requires_grad=True)
    with torch.no_grad():
        forward = seconds(lambda: conv2d(x, w, stride=stride, padding=kernel // 2))
    gradient = torch.ones_like(conv2d(x, w, stride=stride, padding=kernel // 2))

    def step():
        torch.autograd.grad(conv2d(x, w, stride=stride, padding=kernel // 2), (x, w), gradient)

    both = seconds(step)
    operations = 2 * gradient.numel() * channels * kernel * kernel
    print(f"{operations / forward / 1e9:.1f} {3 * operations / both / 1e9:.1f}", flush=True)
