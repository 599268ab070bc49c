"""Which versions of which models are served: numbered folders, looked at again and again.

Of a model folder its highest version is served, and beside it every version that has a label. Labels are in
`labels.json` of the folder, as {"stable": 1}. A new version is loaded and warm before it takes over from the one
before, which goes once the last request that holds it is answered. A version that cannot be loaded is tried again when
its files change, and takes nothing away.
"""

import dataclasses
import gc
import json
import logging
from pathlib import Path

from progan_tf.errors import InputError
from progan_tf.serving import model as models
from progan_tf.serving.model import Version
from progan_tf.serving.refusal import Code, Refusal, invalid

LABELS = "labels.json"
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class State:
    """Where a version stands, in the words of TensorFlow Serving."""

    name: str  # START, LOADING, AVAILABLE, UNLOADING, END
    error: str = ""


class Served:
    """A model by its name: its versions in memory and what became of others.

    `look` may run in a thread of its own; what others read is replaced, never changed.
    """

    def __init__(self, name: str, folder: Path):
        """Raises InputError where the folder holds no SavedModel."""
        self.name, self.folder = name, folder
        self.available: dict[int, Version] = {}
        self.labels: dict[str, int] = {}
        self._failed: dict[int, list] = {}  # the files of versions that could not be loaded
        self._complained = ""
        self.states = {number: State("START") for number in self._wanted(self._labels())}
        if not self.states:
            raise InputError(
                f"model {name}: {folder} holds no SavedModel, neither itself nor in a numbered version; "
                "experiments.export makes one"
            )

    def find(self, number: int | None = None, label: str | None = None) -> Version:
        """A version by its number or label, or the newest. Raises Refusal: 404, or 400 for a label."""
        if label is not None:
            if label not in self.labels:
                raise invalid(f"Unrecognized servable version label: {label}")
            number = self.labels[label]
        if number is None and self.available:
            return self.available[max(self.available)]
        if number not in self.available:
            asked = f"Latest({self.name})" if number is None else f"Specific({self.name}, {number})"
            raise Refusal(Code.NOT_FOUND, f"Servable not found for request: {asked}")
        return self.available[number]

    def look(self) -> None:
        """Loads what is new in the folder and lets go of what is no longer wanted."""
        labels = self._labels()
        wanted = self._wanted(labels)
        for number in sorted(wanted, reverse=True):
            if number not in self.available and self._failed.get(number) != _files(wanted[number]):
                self._load(number, wanted[number])
        self.labels = {label: number for label, number in labels.items() if number in self.available}
        if max(wanted, default=None) in self.available:  # else the one before goes on
            for number in self.available.keys() - wanted.keys():
                self.available = {kept: version for kept, version in self.available.items() if kept != number}
                self._say(number, State("END"))
                gc.collect()  # its objects hold each other

    def _load(self, number: int, folder: Path) -> None:
        files = _files(folder)
        self._say(number, State("LOADING"))
        try:
            version = models.load(self.name, number, folder)
        except Exception as error:  # whatever a damaged or half-written file leads to
            self._failed[number] = files
            self._say(number, State("END", " ".join(f"{folder} cannot be loaded: {error}".split())))
            return
        self._failed.pop(number, None)
        self.available = {**self.available, number: version}
        self._say(number, State("AVAILABLE"))

    def _say(self, number: int, state: State) -> None:
        self.states = dict(sorted({**self.states, number: state}.items(), reverse=True))
        level = logging.ERROR if state.error else logging.INFO
        _log.log(level, "model %s version %d: %s", self.name, number, state.error or state.name)

    def _wanted(self, labels: dict[str, int]) -> dict[int, Path]:
        """Folders of the versions to serve, by number."""
        if (self.folder / "saved_model.pb").is_file():  # a version itself
            return {int(self.folder.name) if self.folder.name.isdecimal() else 1: self.folder}
        folders = {
            int(path.parent.name): path.parent
            for path in self.folder.glob("*/saved_model.pb")
            if path.parent.name.isdecimal() and path.parent.name.isascii()
        }
        numbers = {*([max(folders)] if folders else []), *(folders.keys() & set(labels.values()))}
        return {number: folders[number] for number in numbers}

    def _labels(self) -> dict[str, int]:
        """What `labels.json` says; what it said before, where it is damaged."""
        path = self.folder / LABELS
        try:
            labels = json.loads(path.read_text())
            if not isinstance(labels, dict) or not all(type(number) is int for number in labels.values()):
                raise ValueError('it must be like {"stable": 1}')
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            complaint = f"labels of model {self.name} stay as they were, {path} is damaged: {error}"
            if complaint != self._complained:
                _log.error(complaint)
            self._complained = complaint
            return self.labels
        return labels


class Repository:
    """All models of a server, by name."""

    def __init__(self, models: dict[str, Path]):
        """Raises InputError where a folder holds no SavedModel."""
        self.served = {name: Served(name, folder) for name, folder in models.items()}

    @property
    def ready(self) -> bool:
        """Whether every model has a version that answers."""
        return all(served.available for served in self.served.values())

    def look(self) -> None:
        """`Served.look` of every model."""
        for served in self.served.values():
            served.look()

    def find(self, name: str, number: int | None = None, label: str | None = None) -> Version:
        """A version of a model; see `Served.find`."""
        if name in self.served:
            return self.served[name].find(number, label)
        if label is not None:
            raise invalid(f"Unrecognized servable version label: {label}")
        asked = f"Latest({name})" if number is None else f"Specific({name}, {number})"
        raise Refusal(Code.NOT_FOUND, f"Servable not found for request: {asked}")

    def states(self, name: str, number: int | None = None, label: str | None = None) -> dict[int, State]:
        """Where the versions of a model stand, newest first; of one of them, if asked. Raises Refusal: 404 or 400."""
        if label is not None:
            number = self.find(name, label=label).number
        states = self.served[name].states if name in self.served else {}
        if not states:
            raise Refusal(Code.NOT_FOUND, f"Could not find any versions of model {name}")
        if number is None:
            return states
        if number not in states:
            raise Refusal(Code.NOT_FOUND, f"Could not find version {number} of model {name}")
        return {number: states[number]}


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """What tells a folder's content from what it was: names, sizes and times of its files."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            facts = path.stat()
        except OSError:  # going or coming in this moment
            continue
        found.append((str(path), facts.st_size, facts.st_mtime_ns))
    return found
