"""What every command shares: flags checked before anything heavy is imported, one-line errors, exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or bad input, 75 stopped and resumable.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags

from progan_tf.errors import Failed, InputError, Stopped

DONE, FAILED, WRONG_USE, RESUMABLE = 0, 1, 2, 75


def run(main: Callable[..., None], arguments: str = "") -> None:
    """Parses the flags of the running command, calls `main` and leaves with the right exit code.

    `main` imports what is heavy (TensorFlow) itself, so that `--help` and a mistyped flag answer at once. `arguments`
    names what a command takes besides flags, one or more of them, such as RUN_DIR; `main` is given their list.
    """
    _stop_on_sigterm()
    command = main.__globals__["__doc__"]
    name = _name()
    if set(sys.argv[1:]) & {"--help", "-help", "--helpfull", "-h"}:
        print(_help(name, command))
        sys.exit(DONE)
    try:
        given = flags.FLAGS(sys.argv)[1:]
        if given and not arguments:
            raise flags.Error(f"unexpected {' '.join(given)}; every argument is a --flag=value")
        if arguments and not given:
            raise flags.Error(f"no {arguments} was given; name one or more")
    except flags.Error as error:
        _complain(name, f"{error} (--help lists the flags)")
        sys.exit(WRONG_USE)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow leaves oneDNN off on CPUs without AVX512-VNNI; there too it trains three times as fast.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever other programs of this user run on
    try:
        main(given) if arguments else main()
    except InputError as error:
        _complain(name, error)
        sys.exit(WRONG_USE)
    except Failed as error:
        _complain(name, error)
        sys.exit(FAILED)
    except Stopped as error:
        _complain(name, error)
        sys.exit(RESUMABLE)
    except MemoryError:
        _complain(name, "needs more memory than there is; close other programs, or give it a machine with more")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        _complain(name, "interrupted; the same command takes the work up again")
        sys.exit(RESUMABLE)


def leave(error: Stopped) -> None:
    """Ends the process at once, from whatever thread, as it would end if `main` had raised `error`."""
    sys.stdout.flush()
    _complain(_name(), error)
    sys.stderr.flush()
    os._exit(RESUMABLE)


def _name() -> str:
    return Path(sys.argv[0]).stem


def _stop_on_sigterm() -> None:
    """Makes SIGTERM raise KeyboardInterrupt, as SIGINT does; a command that cannot be cut off anywhere takes over."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _complain(name: str, error: object) -> None:
    print(f"{name}: {' '.join(str(error).split())}", file=sys.stderr)


def _help(name: str, doc: str) -> str:
    lines = [doc.strip(), "", "Flags:"]
    for module, defined in sorted(flags.FLAGS.flags_by_module_dict().items()):
        if module.split(".")[0] in ("absl", "tensorflow"):
            continue
        for flag in defined:
            required = any("must have a value" in check.message for check in flag.validators)
            default = "required" if required else f"default: {str(flag.default_as_str or '').strip(chr(39)) or 'none'}"
            lines.append(f"  --{flag.name}\n      {' '.join(flag.help.split())} ({default})")
    return "\n".join(lines)
