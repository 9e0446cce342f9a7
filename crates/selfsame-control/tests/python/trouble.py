"""Environments that behave, and environments that do not, for the tests of the processes that run them."""

import ctypes
import os
import subprocess
import sys
import time

import gymnasium
import numpy
from gymnasium.spaces import Box, Discrete, MultiBinary


class Behaved(gymnasium.Env):
    """Frames filled with the number of the step; the reward of the first step is the process's number, of others the action."""

    observation_space = Box(0, 255, (6, 4, 3), numpy.uint8)
    action_space = Discrete(3, start=5)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.seed = 0, seed or 0
        return self.observe(), {}

    def observe(self):
        frame = numpy.full((6, 4, 3), self.steps, numpy.uint8)
        frame[:, :, 1] = self.seed
        return frame

    def step(self, action):
        self.steps += 1
        reward = os.getpid() if self.steps == 1 else action
        return self.observe(), reward, self.steps == 3, self.steps == 2, {}


class Raises(Behaved):
    def step(self, action):
        raise ValueError("the arm is broken")


class Hangs(Behaved):
    def step(self, action):
        while True:
            time.sleep(0.01)


class HangsInC(Behaved):
    """Never lets go of the interpreter."""

    def step(self, action):
        ctypes.PyDLL(None).sleep(1000)


class Dies(Behaved):
    def step(self, action):
        print("my last words", file=sys.stderr, flush=True)
        os.abort()


class Imports(Behaved):
    def step(self, action):
        import a_package_that_nobody_has


class Starts(Behaved):
    """Starts a process that would outlive it; the reward of the first step is its number. Then it does as it was made to: goes on, dies or hangs."""

    def __init__(self, then="goes on"):
        self.then = then

    def reset(self, *, seed=None, options=None):
        self.started = subprocess.Popen(["sleep", "1000"])
        return super().reset(seed=seed)

    def step(self, action):
        observation, _, terminated, truncated, told = super().step(action)
        if self.steps > 1 and self.then == "dies":
            os.abort()
        while self.steps > 1 and self.then == "hangs":
            time.sleep(0.01)
        return observation, self.started.pid, terminated, truncated, told


class Infinite(Behaved):
    def step(self, action):
        return self.observe(), float("nan"), False, False, {}


class Grows(Behaved):
    def step(self, action):
        return numpy.zeros((7, 4, 3), numpy.uint8), 0.0, False, False, {}


class Talks(Behaved):
    """Prints where answers go."""

    def step(self, action):
        print('{"failure": {"kind": "raised", "what": "print"}}', flush=True)
        os.write(1, b"{}\n")
        return super().step(action)


class Switches(Behaved):
    """Actions that no agent gives."""

    action_space = MultiBinary(3)


class Unbounded(Behaved):
    action_space = Box(-numpy.inf, numpy.inf, (2,), numpy.float32)


class Blind(Behaved):
    """Observations that are no pixels, and nothing rendered."""

    observation_space = Box(-1, 1, (3,), numpy.float32)


class Rendered(gymnasium.Env):
    """Observations that are no pixels; what is rendered shows the action, which is to lie in 10..20."""

    metadata = {"render_modes": ["rgb_array"]}
    observation_space = Box(-1, 1, (3,), numpy.float32)
    action_space = Box(numpy.array([10.0, 0.0]), numpy.array([20.0, 4.0]), dtype=numpy.float64)

    def __init__(self, render_mode=None, observed=0.0):
        self.render_mode, self.observed = render_mode, observed

    def reset(self, *, seed=None, options=None):
        self.shown = 0
        return numpy.zeros(3, numpy.float32), {}

    def step(self, action):
        self.shown = int(action[0])
        return numpy.full(3, float(self.observed), numpy.float32), float(action[1]), False, False, {}

    def render(self):
        return numpy.full((8, 8, 3), self.shown, numpy.uint8)


def preprocessed(**arguments):
    """Pong behind Gymnasium's own preprocessing."""
    import ale_py

    gymnasium.register_envs(ale_py)
    env = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
    return gymnasium.wrappers.AtariPreprocessing(env)


for kind in [Behaved, Raises, Hangs, HangsInC, Dies, Imports, Starts, Infinite, Grows, Talks, Switches, Unbounded, Blind, Rendered]:
    gymnasium.register(f"{kind.__name__}-v0", entry_point=kind, disable_env_checker=True, order_enforce=False)
gymnasium.register("Preprocessed-v0", entry_point=preprocessed, disable_env_checker=True, order_enforce=False)
