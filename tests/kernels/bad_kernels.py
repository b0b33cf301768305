"""Kernels that break the rules, for the builder to refuse."""

import os

import numpy as np

from appliance.dsp.kernel import F32, Array, kernel


def unmarked(value):
    return value + 1.0


def _allocates(x):
    twice = np.empty(x.shape[0] + int(x[0]), np.float32)
    for i in range(240):
        twice[i] = x[i]
    for i in range(240):
        x[i] = twice[239 - i]


def _calls_unmarked(x):
    x[0] = unmarked(x[0])


def _not_for_numba(x):
    x[0] = len(os.environ)


# One at a time: the first that is refused ends a build.
_chosen = {
    "allocates": _allocates,
    "unmarked": _calls_unmarked,
    "python": _not_for_numba,
}[os.environ.get("BAD_KERNEL", "allocates")]
chosen = kernel(x=Array(F32, 240))(_chosen)
