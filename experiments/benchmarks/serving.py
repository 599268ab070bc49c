"""How a server bears many clients, beside the bare SavedModel in a process of its own without any server.

  python -m experiments.benchmarks.serving --model=model --seconds=300 --output=serving.json

- bare: images a second of the model's own signature, at the best of several batch sizes, before and after the rest, and
  how evenly it makes single images, which tells how even the machine is;
- full: --clients clients, each of which asks for an image as soon as it has the one before: images a second, errors,
  and the server's memory all along;
- 70 %: the same clients at a steady pace that makes 70 % of that rate: how long an image takes, the median and the
  slowest in a hundred.

Clients run on the same machine and take some of its time, which is told too.
"""

import contextlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from data_prep import command_line
from experiments import machine, models
from experiments.benchmarks import load_clients, load_figures
from progan_tf.errors import Failed
from progan_tf.export import description as descriptions
from progan_tf.export import versions

_MODEL = flags.DEFINE_string("model", None, "Model folder; its newest version is served.", required=True)
_SIGNATURE = flags.DEFINE_enum("signature", "png_from_seed", ["png_from_seed", "from_seed"], "What clients ask for.")
_CLIENTS = flags.DEFINE_integer("clients", 64, "Clients at a time.", lower_bound=1)
_SECONDS = flags.DEFINE_float(
    "seconds", 300.0, "Seconds of each of the two loads; nothing else is measured for longer.", lower_bound=1
)
_OUTPUT = flags.DEFINE_string("output", "", "JSON file for all figures; empty: none is written.")

_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_SHARE = 0.7
_EVEN_SECONDS = 30.0  # of single images, which take milliseconds: thousands of calls
_PATH = "/v1/models/model:predict"


def main() -> None:
    folder = versions.find(Path(_MODEL.value))
    labelled = bool(descriptions.read(folder).labels)
    bare = Bare(folder, labelled)
    rates = {batch: load_figures.rate(batch, bare.calls(batch)) for batch in _BATCHES}
    best = max(rates, key=rates.get)
    print("bare     " + ", ".join(f"{rate:,.1f} images/s at {batch}" for batch, rate in rates.items()), flush=True)

    with served(folder) as (port, pid):
        others = machine.Others([pid])
        load_clients.at_full_speed(port, _PATH, body(labelled), _CLIENTS.value, min(10.0, _SECONDS.value))  # warm
        with Memory(pid) as memory:
            full = load_clients.at_full_speed(port, _PATH, body(labelled), _CLIENTS.value, _SECONDS.value)
        rate = len(full) / (max(one.due + one.seconds for one in full) - min(one.due for one in full))
        print(f"full     {load_figures.told(full)}; {rate:,.1f} images/s", flush=True)
        grown = load_figures.growth(memory.megabytes)
        print(f"memory   {memory.megabytes[0]:,.0f} MB after warm-up, {grown:+,.1f} MB at the end")
        share = load_clients.paced(port, _PATH, body(labelled), _CLIENTS.value, _SECONDS.value, _SHARE * rate)
        print(f"{_SHARE:.0%}      {load_figures.told(share)}", flush=True)
        busy = others.cores()
    after = load_figures.rate(best, bare.calls(best))
    call, slow_call = load_figures.quantiles(bare.calls(1, _EVEN_SECONDS))
    print(f"bare     {after:,.1f} images/s at {best} again; p99 {slow_call / call:.1f} x p50 of single images")
    if busy is not None:
        print(f"others   kept {busy:.2f} cores busy")

    middle, slow = load_figures.quantiles([one.seconds for one in share])
    figures = {
        "clients": _CLIENTS.value,
        "seconds": _SECONDS.value,
        "signature": _SIGNATURE.value,
        "bare_images_per_second": {**rates, "again": after},
        "best_batch": best,
        "p99_of_p50_of_bare_images": slow_call / call,
        "requests": len(full) + len(share),
        "errors": load_figures.errors(full) + load_figures.errors(share),
        "images_per_second": rate,
        "share_of_bare": rate / ((rates[best] + after) / 2),
        "memory_mb": memory.megabytes,
        "memory_growth_mb": grown,
        "p50_seconds_at_70_percent": middle,
        "p99_seconds_at_70_percent": slow,
        "others_cores": busy,
    }
    print(
        f"result   {figures['errors']} errors in {figures['requests']:,} requests; "
        f"{figures['share_of_bare']:.2f} of the bare model's rate; p99 is {slow / middle:.1f} x p50 at {_SHARE:.0%}"
    )
    if _OUTPUT.value:
        Path(_OUTPUT.value).write_text(json.dumps(figures, indent=1) + "\n")


def body(labelled: bool) -> load_clients.Body:
    """The body of request number n: the image of seed n."""

    def of(number: int) -> bytes:
        instance = {"seed": number, "truncation": 1.0, **({"labels": 0} if labelled else {})}
        return json.dumps({"signature_name": _SIGNATURE.value, "instances": [instance]}).encode()

    return of


class Bare:
    """The SavedModel in this process."""

    def __init__(self, folder: Path, labelled: bool):
        self._loaded = models.load(folder)  # whose weights live as long as it is held
        self._labelled = labelled

    def calls(self, batch: int, seconds: float = 4.0) -> list[float]:
        """Seconds of every call at a batch size, of as many as fit into `seconds`, or --seconds, and one more."""
        import tensorflow as tf

        inputs = {"seed": tf.range(batch, dtype=tf.int64), "truncation": tf.ones([batch])}
        if self._labelled:
            inputs["labels"] = tf.zeros([batch], tf.int32)
        call = self._loaded.signatures[_SIGNATURE.value]
        call(**inputs)
        taken: list[float] = []
        end = time.perf_counter() + min(seconds, _SECONDS.value)
        while (begin := time.perf_counter()) < end or not taken:
            next(iter(call(**inputs).values())).numpy()
            taken.append(time.perf_counter() - begin)
        return taken


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[int, int]]:
    """A server of a version folder: its port and its process id. Raises Failed where it does not start."""
    command = [sys.executable, "-m", "experiments.serve", f"--model=model={folder}", "--port=0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = re.search(r":(\d+)/$", process.stdout.readline().strip())
        if not port or not process.stdout.readline().startswith("serving"):
            raise Failed(f"the server did not start; see what {' '.join(command)} says")
        yield int(port[1]), process.pid
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


class Memory:
    """Resident megabytes of a process, looked at every second while this is open; Linux alone tells."""

    def __init__(self, pid: int):
        self._status, self.megabytes = Path(f"/proc/{pid}/status"), []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._closed.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.megabytes.append(int(re.search(r"VmRSS:\s+(\d+)", self._status.read_text())[1]) / 1024)
            if self._closed.wait(1.0):
                return


if __name__ == "__main__":
    command_line.run(main)
