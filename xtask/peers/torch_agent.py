"""PyTorch's updates of agents that learn from pixels: rainbow|sac|curl-sac. Networks, batches and optimisers of the papers' settings: data-efficient
Rainbow on four grey frames of 84 pixels with 6 actions, SAC on three coloured frames of 100 pixels cropped to 84 with one number as action, and CURL
beside it. Batches are drawn from frames in memory. The last line is updates a second, and the most memory that the process ever held, in MB."""
import copy
import os
import sys

import torch
from torch import nn
from torch.nn import functional

from common import peak_memory, rate

kind = sys.argv[1]
torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
STORED, DISCOUNT = 1500, 0.99


class NoisyLinear(nn.Module):
    """Factorised noise; the noise of the weight is never made, only that of input and output."""

    def __init__(self, inputs, outputs, noise=0.1):
        super().__init__()
        self.mean = nn.Linear(inputs, outputs)
        self.deviation = nn.Linear(inputs, outputs)
        nn.init.constant_(self.deviation.weight, noise / inputs**0.5)
        nn.init.constant_(self.deviation.bias, noise / outputs**0.5)

    def forward(self, x):
        of_input, of_output = (root(torch.randn(size)) for size in (x.shape[1], self.mean.out_features))
        return self.mean(x) + self.deviation(x * of_input) * of_output


def root(normal):
    return normal.sign() * normal.abs().sqrt()


class RainbowNetwork(nn.Module):
    def __init__(self, actions, atoms):
        super().__init__()
        self.shape = (actions, atoms)
        self.encoder = nn.Sequential(
            nn.Conv2d(4, 32, 5, 5), nn.ReLU(), nn.Conv2d(32, 64, 5, 5), nn.ReLU(), nn.Flatten()
        )
        self.value = nn.Sequential(NoisyLinear(576, 256), nn.ReLU(), NoisyLinear(256, atoms))
        self.advantage = nn.Sequential(NoisyLinear(576, 256), nn.ReLU(), NoisyLinear(256, actions * atoms))

    def forward(self, pictures):
        features = self.encoder(pictures)
        advantage = self.advantage(features).unflatten(1, self.shape)
        return self.value(features).unsqueeze(1) + advantage - advantage.mean(1, keepdim=True)


def rainbow():
    batch, actions, atoms, low, high, steps = 32, 6, 51, -10.0, 10.0, 20
    frames = torch.randint(256, (STORED, 84, 84), dtype=torch.uint8)
    taken, rewards = torch.randint(actions, (STORED,)), (torch.rand(STORED) < 0.05).float()
    network = RainbowNetwork(actions, atoms)
    target = copy.deepcopy(network)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4, eps=1.5e-4)
    support = torch.linspace(low, high, atoms)
    powers = DISCOUNT ** torch.arange(steps)
    rows = torch.arange(batch)

    def stacks(newest):
        return frames[newest[:, None] + torch.arange(-3, 1)].float() / 255

    def learn():
        drawn = torch.randint(3, STORED - steps, (batch,))
        returns = (rewards[drawn[:, None] + torch.arange(steps)] * powers).sum(1)
        with torch.no_grad():
            following = stacks(drawn + steps)
            best = (network(following).softmax(2) @ support).argmax(1)
            following = target(following)[rows, best].softmax(1)
            moved = (returns[:, None] + DISCOUNT**steps * support).clamp(low, high)
            # Each atom takes what lies within one spacing of it, the less the farther away.
            near = 1 - (moved[:, None, :] - support[:, None]).abs() * (atoms - 1) / (high - low)
            wanted = (near.clamp(0) * following[:, None, :]).sum(2)
        scores = network(stacks(drawn))[rows, taken[drawn]].log_softmax(1)
        loss = -(wanted * scores).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimizer.step()

    return learn


def perceptron(inputs, outputs):
    hidden = 1024
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


class PixelEncoder(nn.Sequential):
    """SAC-AE's: four convolutions of 32 channels, and 50 features."""

    def __init__(self):
        layers = [nn.Conv2d(9, 32, 3, 2), nn.ReLU()]
        for _ in range(3):
            layers += [nn.Conv2d(32, 32, 3), nn.ReLU()]
        super().__init__(*layers, nn.Flatten(), nn.Linear(32 * 35 * 35, 50), nn.LayerNorm(50), nn.Tanh())


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = PixelEncoder()
        self.first, self.second = perceptron(51, 1), perceptron(51, 1)

    def values(self, features, actions):
        both = torch.cat([features, actions], 1)
        return self.first(both).squeeze(1), self.second(both).squeeze(1)


def follow(target, network, share):
    with torch.no_grad():
        for old, new in zip(target.parameters(), network.parameters()):
            old.lerp_(new, share)


def sac(contrast):
    batch, side, seen = 128, 100, 84
    frames = torch.randint(256, (STORED, 3, side, side), dtype=torch.uint8)
    taken, rewards = torch.rand(STORED, 1) * 2 - 1, (torch.rand(STORED) < 0.05).float()
    critic, actor = Critic(), perceptron(50, 2)
    target = copy.deepcopy(critic)
    log_temperature = nn.Parameter(torch.tensor(0.1).log())
    weight = nn.Parameter(torch.rand(50, 50))
    of_critic = torch.optim.Adam(critic.parameters(), 1e-3)
    of_actor = torch.optim.Adam(actor.parameters(), 1e-3)
    of_temperature = torch.optim.Adam([log_temperature], 1e-4, betas=(0.5, 0.999))
    of_contrast = torch.optim.Adam([*critic.encoder.parameters(), weight], 1e-3)
    updates = 0

    def crops(newest):
        stacked = frames[newest[:, None] + torch.arange(-2, 1)].flatten(1, 2)
        places = torch.randint(side - seen + 1, (batch, 2)).tolist()
        cut = [picture[:, top : top + seen, left : left + seen] for picture, (top, left) in zip(stacked, places)]
        return torch.stack(cut).float() / 255

    def draw(features):
        mean, spread = actor(features).chunk(2, 1)
        log_deviation = (spread.tanh() + 1) * 6 - 10
        noise = torch.randn_like(mean)
        before = mean + noise * log_deviation.exp()
        normal = -0.5 * noise.square() - log_deviation - 0.9189385
        squeezed = 2 * (0.6931472 - before - functional.softplus(-2 * before))
        return before.tanh(), (normal - squeezed).sum(1)

    def descend(optimizer, loss):
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    def learn():
        nonlocal updates
        drawn = torch.randint(2, STORED - 1, (batch,))
        pictures, temperature = crops(drawn), log_temperature.exp()
        with torch.no_grad():
            following = crops(drawn + 1)
            actions, log_probability = draw(critic.encoder(following))
            values = target.values(target.encoder(following), actions)
            wanted = rewards[drawn] + DISCOUNT * (torch.minimum(*values) - temperature * log_probability)
        values = critic.values(critic.encoder(pictures), taken[drawn])
        descend(of_critic, sum(functional.mse_loss(value, wanted) for value in values))
        if contrast:
            features = critic.encoder(pictures)
        if updates % 2 == 0:
            with torch.no_grad():
                known = features.detach() if contrast else critic.encoder(pictures)
            actions, log_probability = draw(known)
            for part in (critic.first, critic.second):
                part.requires_grad_(False)
            value = torch.minimum(*critic.values(known, actions))
            descend(of_actor, (temperature.detach() * log_probability - value).mean())
            for part in (critic.first, critic.second):
                part.requires_grad_(True)
            descend(of_temperature, -(log_temperature.exp() * (log_probability.detach() - 1)).mean())
            follow(target.first, critic.first, 0.01)
            follow(target.second, critic.second, 0.01)
            follow(target.encoder, critic.encoder, 0.05)
        if contrast:
            with torch.no_grad():
                keys = target.encoder(crops(drawn))
            scores = features @ weight @ keys.T
            descend(of_contrast, functional.cross_entropy(scores, torch.arange(batch)))
        updates += 1

    return learn


learn = rainbow() if kind == "rainbow" else sac(contrast=kind == "curl-sac")


def steps():
    # Two at a time: SAC's actor learns in every second one.
    while True:
        learn()
        learn()
        yield


print(f"{rate(steps(), 2, seconds=6.0):.3f} {peak_memory():.1f}")
