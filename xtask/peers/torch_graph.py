"""PyTorch's training steps of LightGCN and SGL: METHOD BATCH SECONDS FILE, for example sgl 2048 5 gowalla/train.txt, which has a user and
their items a line. Three layers of sparse CSR products, 64 dimensions; for SGL two views with a tenth of the edges dropped, and InfoNCE of the
batch's users and items over all users and all items at temperature 0.2. Forward, backward and Adam. The last line is milliseconds a step
and the most memory that the process ever held, in MB."""
import os
import statistics
import sys
import time
import warnings

import torch
from torch.nn import functional

from common import peak_memory

method, batch, seconds, path = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
warnings.filterwarnings("ignore", "Sparse")
users, items = [], []
with open(path) as lines:
    for line in lines:
        user, *own = (int(number) for number in line.split())
        users += [user] * len(own)
        items += own
users, items = torch.tensor(users), torch.tensor(items)
user_count, item_count = int(users.max()) + 1, int(items.max()) + 1
nodes = user_count + item_count


def graph(keep):
    """D^-1/2 A D^-1/2 of the edges that are kept."""
    left, right = users[keep], items[keep] + user_count
    rows, columns = torch.cat([left, right]), torch.cat([right, left])
    roots = torch.bincount(rows, minlength=nodes).clamp(min=1).float().rsqrt()
    values = roots[rows] * roots[columns]
    return torch.sparse_coo_tensor(torch.stack([rows, columns]), values, (nodes, nodes)).coalesce().to_sparse_csr()


def propagate(adjacency):
    layer = mean = table
    for _ in range(3):
        layer = adjacency @ layer
        mean = mean + layer
    return mean / 4


full = graph(torch.ones(len(users), dtype=torch.bool))
views = [graph(torch.rand(len(users)) >= 0.1) for _ in range(2)] if method == "sgl" else []
table = torch.nn.Parameter(0.1 * torch.randn(nodes, 64))
optimizer = torch.optim.Adam([table], 1e-3)


def step():
    chosen = torch.randint(len(users), (batch,))
    user, positive = users[chosen], items[chosen] + user_count
    negative = torch.randint(user_count, nodes, (batch,))
    final = propagate(full)
    above = (final[user] * (final[positive] - final[negative])).sum(1)
    loss = functional.softplus(-above).mean()
    loss = loss + 0.5e-4 / batch * sum(table[rows].square().sum() for rows in (user, positive, negative))
    if views:
        first, second = (propagate(view) for view in views)
        for rows, start, end in ((user, 0, user_count), (positive, user_count, nodes)):
            queries = functional.normalize(first[rows], dim=1)
            logits = queries @ functional.normalize(second[start:end], dim=1).T / 0.2
            loss = loss + 0.1 * functional.cross_entropy(logits, rows - start)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


step()
times, start = [], time.perf_counter()
while len(times) < 3 or time.perf_counter() - start < seconds:
    before = time.perf_counter()
    step()
    times.append(time.perf_counter() - before)
print(f"{1e3 * statistics.median(times):.2f} {peak_memory():.1f}")
