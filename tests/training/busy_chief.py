"""Two workers of which the chief is busy on its own for a minute; run as a worker, with TF_CONFIG."""

import time

from data_prep import command_line
from progan_tf.training import strategy
from progan_tf.training.workers import Workers


def main() -> None:
    workers = Workers(strategy.make("multi_worker"))
    with workers.together(command_line.leave):
        workers.any(False)
        print("met", flush=True)
        if workers.chief:
            time.sleep(60)
            print("not busy any more", flush=True)


if __name__ == "__main__":
    command_line.run(main)
