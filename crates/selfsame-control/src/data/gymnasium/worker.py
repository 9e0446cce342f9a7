"""Runs one environment in a process of its own, for selfsame.

The request comes as an argument, commands come over standard input, one a line, and each is answered with a line of JSON over what was standard
output. Actions, rewards, ends and frames lie in a file that both processes share. The process ends when its commands do.
"""

import faulthandler
import json
import mmap
import os
import signal
import sys
import threading
import time
import traceback


class Refused(Exception):
    """An environment that cannot be used, and why: `kind` is told to the other side."""

    def __init__(self, kind, what):
        super().__init__(what)
        self.kind = kind


def end():
    """Ends the process and all that it has started, without the end of libraries that may hang or crash there."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class Clock:
    """Ends the process when a command takes too long, with a traceback of where it is, or when nobody is left to answer to."""

    def __init__(self, seconds):
        self.set_limit(seconds)
        self.since = time.monotonic()
        threading.Thread(target=self.watch, args=(os.getppid(),), daemon=True).start()

    def set_limit(self, seconds):
        self.limit = seconds
        self.wind_up()

    def wind_up(self):
        # For code that never lets go of the interpreter: this fires unless it is wound up again.
        faulthandler.dump_traceback_later(self.limit + 1, exit=True)

    def watch(self, parent):
        while True:
            self.wind_up()
            if os.getppid() != parent:
                end()
            since = self.since
            if since is not None and time.monotonic() - since > self.limit:
                faulthandler.dump_traceback(all_threads=True)
                end()
            time.sleep(min(1.0, self.limit / 4))


class Atari:
    """A game of the Arcade Learning Environment: frames of the emulator skipped, the larger of the last two, grey."""

    def __init__(self, name, options):
        import ale_py
        import gymnasium
        import numpy

        gymnasium.register_envs(ale_py)
        self.numpy = numpy
        self.env = make(
            name,
            frameskip=1,
            repeat_action_probability=options["sticky"],
            full_action_space=options["full_actions"],
            max_num_frames_per_episode=options["frame_limit"],
            obs_type="grayscale",
        ).unwrapped
        self.ale = self.env.ale
        self.taken = self.ale.getLegalActionSet() if options["full_actions"] else self.ale.getMinimalActionSet()
        self.actions = {"Discrete": len(self.taken)}
        self.shape = (*self.ale.getScreenDims(), 1)
        self.repeat = options["repeat"] or 4
        self.no_ops = options["no_ops"]
        self.sticky = options["sticky"] > 0
        self.start = None
        self.life_loss = options["life_loss"]
        self.before = numpy.zeros(self.shape[:2], numpy.uint8)

    def reset(self, seed, frame):
        self.begin(seed)
        # Drawn as Gymnasium's own preprocessing does, so that equal seeds begin equal episodes there and here.
        for _ in range(self.env.np_random.integers(1, self.no_ops + 1) if self.no_ops else 0):
            self.ale.act(0)
            if self.ale.game_over():
                self.begin(seed)
        self.lives = self.ale.lives()
        self.ale.getScreenGrayscale(frame[:, :, 0])

    def begin(self, seed):
        """Begins an episode as Gymnasium does, which loads the game anew for every seed: a hundred times as long as it takes to go back to where it began."""
        # Without sticky actions the emulator draws nothing, so that all beginnings are alike.
        if self.start is None or self.sticky:
            self.env.reset(seed=seed)
            self.start = self.ale.cloneState(include_rng=True)
        else:
            self.env.seed_game(seed)
            # What the state does not hold, a game's own count of lives say.
            self.ale.reset_game()
            self.ale.restoreState(self.start)

    def step(self, action, frame):
        action = self.taken[int(action[0])]
        ale, reward, screen = self.ale, 0.0, frame[:, :, 0]
        for passed in range(1, self.repeat + 1):
            reward += ale.act(action)
            if ale.game_over():
                break
            if passed == self.repeat - 1:
                ale.getScreenGrayscale(self.before)
        ale.getScreenGrayscale(screen)
        if passed == self.repeat and passed > 1:
            self.numpy.maximum(screen, self.before, out=screen)
        lives, before = ale.lives(), self.lives
        self.lives = lives
        truncated = ale.game_truncated()
        terminated = ale.game_over() and not truncated
        return reward, terminated, truncated, self.life_loss and not terminated and lives < before


class Control:
    """A task of DeepMind Control, seen through a camera (CURL's settings)."""

    REPEAT = {"cartpole": 8, "finger": 2, "walker": 2}

    def __init__(self, name, options):
        # The renderer that needs no screen; chosen when MuJoCo is first imported.
        os.environ.setdefault("MUJOCO_GL", "egl")
        import numpy
        from dm_control import suite

        wanted = name.partition("/")[2]
        tasks = {f"{domain}-{task}": (domain, task) for domain, task in suite.ALL_TASKS}
        key = next((known for known in tasks if plain(known) == plain(wanted)), None)
        if key is None:
            raise Refused("unknown", "\n".join(f"dm_control/{known}" for known in tasks))
        domain, task = tasks[key]
        self.env = suite.load(domain, task)
        self.numpy = numpy
        spec = self.env.action_spec()
        self.low, self.high = spec.minimum, spec.maximum
        self.actions = {"Continuous": int(spec.shape[0])}
        self.shape = (options["size"] or 100, options["size"] or 100, 3)
        self.repeat = options["repeat"] or self.REPEAT.get(domain, 4)
        self.camera = options["camera"]

    def render(self, frame):
        height, width, _ = self.shape
        frame[:] = self.env.physics.render(height=height, width=width, camera_id=self.camera)

    def reset(self, seed, frame):
        self.env.task.random.seed(seed)
        self.env.reset()
        self.render(frame)

    def step(self, action, frame):
        action = self.low + (action + 1.0) / 2.0 * (self.high - self.low)
        reward = 0.0
        for _ in range(self.repeat):
            step = self.env.step(action)
            reward += step.reward or 0.0
            if step.last():
                break
        finite("reward", reward)
        self.render(frame)
        # A task that ends by its limit of time says that its value goes on.
        return reward, step.last() and step.discount == 0.0, step.last() and step.discount != 0.0, False


class General:
    """Any environment of Gymnasium: its observations where they are pixels, otherwise what it renders."""

    def __init__(self, name, options):
        import numpy

        self.numpy = numpy
        arguments = options["arguments"]
        self.env = make(name, **arguments)
        space = self.env.observation_space
        self.renders = not pixels(space)
        if self.renders:
            modes = (self.env.metadata or {}).get("render_modes") or []
            self.env.close()
            if "rgb_array" not in modes:
                raise Refused("space", f"its observations are no pixels ({space}), and it cannot render them (rgb_array)")
            self.env = make(name, **{**arguments, "render_mode": "rgb_array"})
        self.read_actions()
        observation, _ = self.env.reset()
        self.shape = self.picture(observation).shape
        self.repeat = options["repeat"] or 1

    def read_actions(self):
        from gymnasium.spaces import Box, Discrete

        space = self.env.action_space
        if isinstance(space, Discrete):
            self.actions = {"Discrete": int(space.n)}
            self.act = lambda action: space.start + int(action[0])
            return
        bounded = isinstance(space, Box) and self.numpy.isfinite(space.low).all() and self.numpy.isfinite(space.high).all()
        if not bounded or space.dtype.kind != "f" or space.low.size == 0:
            raise Refused("space", f"its actions are {space}; agents here choose from a number of actions, or give numbers within bounds")
        self.actions = {"Continuous": int(space.low.size)}
        self.act = lambda action: (
            space.low + (action.reshape(space.shape) + 1.0) / 2.0 * (space.high - space.low)
        ).astype(space.dtype)

    def picture(self, observation):
        if self.renders:
            finite("observation", observation)
            observation = self.env.render()
        picture = self.numpy.asarray(observation)
        if picture.dtype != self.numpy.uint8 or picture.ndim not in (2, 3):
            raise Refused("raised", f"its frame is an array {picture.shape} of {picture.dtype}, not one of bytes")
        if picture.ndim == 2:
            return picture[:, :, None]
        return picture if picture.shape[2] in (1, 3, 4) else picture.transpose(1, 2, 0)

    def show(self, observation, frame):
        picture = self.picture(observation)
        if picture.shape != self.shape:
            raise Refused("raised", f"its frame is {picture.shape}, the first one was {self.shape}")
        frame[:] = picture

    def reset(self, seed, frame):
        observation, _ = self.env.reset(seed=seed)
        self.show(observation, frame)

    def step(self, action, frame):
        action, total = self.act(action), 0.0
        for _ in range(self.repeat):
            observation, reward, terminated, truncated, _ = self.env.step(action)
            finite("reward", reward)
            total += float(reward)
            if terminated or truncated:
                break
        self.show(observation, frame)
        return total, bool(terminated), bool(truncated), False


def make(name, **arguments):
    """`gymnasium.make`, whose refusals of a name are told from failures."""
    import gymnasium

    try:
        return gymnasium.make(name, **arguments)
    except gymnasium.error.UnregisteredEnv as error:
        if name not in gymnasium.registry:
            raise Refused("unknown", "\n".join(gymnasium.registry)) from error
        raise


def pixels(space):
    """Whether observations of this space are pictures in bytes."""
    shape = getattr(space, "shape", None) or ()
    small = len(shape) == 3 and (shape[2] in (1, 3, 4) or shape[0] in (1, 3, 4))
    return getattr(space, "dtype", None) == "uint8" and (len(shape) == 2 or small)


def finite(what, value):
    """Refuses numbers that are none."""
    import numpy

    value = numpy.asarray(value)
    if value.dtype.kind == "f" and not numpy.isfinite(value).all():
        raise Refused("raised", f"its {what} is {value}")


def plain(name):
    """A task's name as everybody writes it: ball_in_cup-catch, ball-in-cup-catch, with or without a version."""
    name, _, version = name.replace("_", "-").partition("-v")
    return name if version.isdigit() or not version else f"{name}-v{version}"


class Shared:
    """The file that both processes share: actions, reward, ends, frame."""

    def __init__(self, path, environment):
        import numpy

        (count,) = environment.actions.values()
        count = count if "Continuous" in environment.actions else 1
        with open(path, "r+b") as file:
            memory = mmap.mmap(file.fileno(), 0)
        self.action = numpy.frombuffer(memory, numpy.float64, count)
        self.reward = numpy.frombuffer(memory, numpy.float64, 1, 8 * count)
        self.ends = numpy.frombuffer(memory, numpy.uint8, 3, 8 * count + 8)
        self.frame = numpy.frombuffer(memory, numpy.uint8, -1, 8 * count + 16).reshape(environment.shape)


def made(request):
    """The environment. What is missing now is a package that is not installed; later it is an environment that fails."""
    kinds = {"atari": Atari, "control": Control, "general": General}
    try:
        return kinds[request["kind"]](request["name"], request["options"])
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) or type(error).__name__ == "DependencyNotInstalled":
            raise Refused("package", str(error)) from error
        raise


def serve(request, answer, done, clock):
    """Makes the environment and does what is asked of it, to the end."""
    environment = made(request)
    height, width, channels = environment.shape
    answer({"pixels": {"channels": channels, "height": height, "width": width}, "actions": environment.actions})
    commands = sys.stdin
    clock.since = None
    shared = Shared(commands.readline().rstrip("\n"), environment)
    clock.set_limit(request["timeout"])
    answer({})
    for command in commands:
        clock.since = time.monotonic()
        if command == "step\n":
            shared.reward[0], *shared.ends[:] = environment.step(shared.action, shared.frame)
        else:
            environment.reset(int(command.partition(" ")[2]), shared.frame)
        clock.since = None
        done()
    clock.since = time.monotonic()
    environment.env.close()


def main():
    # What the environment prints must not be mistaken for answers. The one who reads these decides when to stop, not a signal to all.
    descriptor = os.dup(1)
    answers = os.fdopen(descriptor, "w")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    request = json.loads(sys.argv[1])

    def answer(message):
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    def done():
        os.write(descriptor, b"{}\n")

    try:
        serve(request, answer, done, Clock(10 * request["timeout"]))
    except Refused as refused:
        answer({"failure": {"kind": refused.kind, "what": str(refused)}})
    except BrokenPipeError:
        pass
    except BaseException:
        answer({"failure": {"kind": "raised", "what": traceback.format_exc()}})
    end()


main()
