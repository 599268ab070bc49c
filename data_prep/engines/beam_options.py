"""Apache Beam with the options somebody gave it, and one line for what is wrong with them."""

import contextlib
import io
import logging
import shlex
from typing import Any

from progan_tf.errors import InputError

_HERE = "FnApiRunner"  # Beam's default runner would download a program first


def load(arguments: str, workers: int) -> tuple[Any, Any]:
    """Beam and its options, of which `arguments` are as on a command line.

    Raises:
        InputError: Beam is missing, or an option is wrong.
    """
    defaults = [f"--runner={_HERE}", "--direct_running_mode=multi_threading", f"--direct_num_workers={workers}"]
    before, complaint = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.WARNING)  # of Google's libraries, which few have
    try:
        import apache_beam
        from apache_beam.options.pipeline_options import PipelineOptions

        with contextlib.redirect_stderr(complaint):  # argparse prints what it has to say, and exits
            options = PipelineOptions([*defaults, *shlex.split(arguments)])
            given = options.get_all_options(retain_unknown_options=True)
            unknown = set(given) - set(options.get_all_options())
    except ImportError as error:
        raise InputError("engine beam needs Apache Beam; pip install 'progan-tf[beam]'") from error
    except (ValueError, SystemExit) as error:
        reason = complaint.getvalue().rpartition("error: ")[2].strip() or error
        raise InputError(f"beam_args {arguments}: {reason}; write them as Beam's documentation does") from error
    finally:
        logging.disable(before)
    if unknown and given["runner"] == _HERE:  # other runners have options of their own
        raise InputError(f"beam_args {arguments}: Beam has no option --{min(unknown)}; leave it out")
    return apache_beam, options
