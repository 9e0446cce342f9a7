"""The day, and the versions of what is compared with, on one line."""
import datetime
from importlib import metadata


def version(name):
    try:
        return f", {name} {metadata.version(name)}"
    except metadata.PackageNotFoundError:
        return ""


print(datetime.date.today(), *map(version, ["torch", "torchvision", "lightly", "av", "motion-vector-extractor"]), sep="")
