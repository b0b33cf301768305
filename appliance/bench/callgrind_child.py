"""`python -m appliance.bench.callgrind_child`: the process that valgrind counts.

It runs each stage's frames between two words to callgrind, so that neither its own start nor the
warm-up is in a count.
"""

from __future__ import annotations

import argparse
import ctypes
import gc

from appliance.bench.frame_stages import chosen

CACHES_FILL = 5  # frames before the count: callgrind's caches are empty when it begins


def main() -> None:
    """Count the stages that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--hook", required=True, help="library of `callgrind.HOOK`")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--warm-up", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    args = parser.parse_args()
    hook = ctypes.CDLL(args.hook)
    on, off, from_zero, to = hook.count_on, hook.count_off, hook.count_from_zero, hook.count_to
    off()  # their first call finds them
    from_zero()
    runs = [(stage.name, stage.make()) for stage in chosen(args.stage)]
    gc.collect()
    gc.disable()  # it would fall into one stage's frames, or another's
    for name, do in runs:
        label = name.encode()
        for number in range(args.warm_up):
            do(number)
        on()
        for number in range(args.warm_up, args.warm_up + CACHES_FILL):
            do(number)
        from_zero()
        first = args.warm_up + CACHES_FILL
        for number in range(first, first + args.frames):
            do(number)
        to(label)
        off()


if __name__ == "__main__":
    main()
