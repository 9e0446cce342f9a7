"""Steps of an agent in Atari's Pong with Gymnasium's own wrappers: no arguments. Frames skipped, the larger of two, grey, 84 pixels, four stacked.
The last line is steps a second."""
import time

import ale_py
import gymnasium
import numpy
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

SECONDS = 5.0

gymnasium.register_envs(ale_py)
pong = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
environment = FrameStackObservation(AtariPreprocessing(pong), 4)
environment.reset(seed=1)
steps, start = 0, time.perf_counter()
while time.perf_counter() - start < SECONDS:
    observation, _, terminated, truncated, _ = environment.step(steps % 6)
    numpy.asarray(observation)
    steps += 1
    if terminated or truncated:
        environment.reset()
print(f"{steps / (time.perf_counter() - start):.1f}")
