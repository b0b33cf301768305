"""Is the device set up: its settings, its compiled sound kernels, its spoken prompts."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from appliance.config.notices import warnings_for
from appliance.config.secrets import Redactor
from appliance.doctor.findings import Figures, Finding, fail, first_of, ok, skipped, warn
from appliance.doctor.patient import Patient
from appliance.dsp.kernel import MARK, PACKAGED, REGISTRY, VARIABLE
from appliance.dsp.kernel_object import KernelObject, digest
from appliance.prompts.keys import PROMPTS
from appliance.prompts.store import Prompts, default_directory

# All that the daemon's sound passes through; importing them fills the registry of kernels.
_STAGES = ("chain", "stretch", "resample")


def settings(patient: Patient) -> Finding:
    """Are the settings right, and is anything in them worth a word?"""
    loaded = patient.loaded
    if loaded is None:
        return fail(
            first_of(patient.problems),
            "correct these settings; `appliance config check` repeats them",
            problems=list(patient.problems),
        )
    redactor = Redactor([loaded.settings.endpoint.api_key.get_secret_value()])
    notices = [redactor.clean(line) for line in warnings_for(loaded.settings, loaded.explicit)]
    given = {loaded.provenance[name] for name in loaded.explicit}
    # A file by its name; of variables and credentials there may be many.
    origins = sorted({each if each.startswith("file ") else each.split()[0] for each in given})
    said = f"{len(loaded.explicit)} set ({', '.join(origins) or 'all are defaults'})"
    if notices:
        return warn(
            f"{said}; {first_of(notices, 1)}",
            "`appliance config check` has the whole list",
            set=len(loaded.explicit),
            notices=notices,
        )
    return ok(said, set=len(loaded.explicit), notices=[])


def kernels(patient: Patient) -> Finding:
    """Is the sound chain compiled, for this machine and from this source?"""
    choice = patient.environ.get(VARIABLE, "")
    cure = "build them: `appliance kernels build` (`make kernels` in a clone)"
    if choice in ("python", "jit"):
        return warn(f"{VARIABLE}={choice}: nothing compiled ahead is used", f"unset {VARIABLE}")
    for stage in _STAGES:
        importlib.import_module(f"appliance.dsp.{stage}")
    directory = Path(choice) if choice else PACKAGED
    found = KernelObject.load(directory)
    if isinstance(found, str):
        return _uncompiled(found, cure)
    wanted = list(REGISTRY)
    wrong = [
        answer
        for each in wanted
        if isinstance(
            answer := found.function(each.name, each.signature, digest(each.function, MARK)), str
        )
    ]
    if wrong:
        return _uncompiled(first_of(wrong, 1), cure)
    return ok(f"{len(wanted)} compiled ahead, in {directory}", kernels=len(wanted))


def _uncompiled(why: str, cure: str) -> Finding:
    if importlib.util.find_spec("numba") is None:
        return fail(f"{why}; and there is no numba that could compile them", cure)
    return warn(f"{why}; numba compiles at each start, which takes long and much memory", cure)


def prompts(patient: Patient) -> Finding:
    """Can the device say each of its prompts in the language of the settings?"""
    if patient.loaded is None:
        return skipped("the settings are wrong")
    language = patient.settings.language
    code = language.supported[language.fallback_language].code
    store = Prompts(default_directory(patient.environ))
    spoken = [store.sound(key, code).language for key in PROMPTS]
    own = sum(each == code.partition("-")[0].lower() for each in spoken)
    tones = spoken.count(None)
    cure = "render them: `appliance prompts build` (`make prompts` in a clone)"
    figures: Figures = {"language": code, "wanted": len(spoken), "own": own, "tones": tones}
    if tones:
        said = f"{tones} of {len(spoken)} prompts are missing: tones stand in for them"
        return warn(said, cure, **figures)
    if own < len(spoken):
        said = (
            f"{len(spoken) - own} of {len(spoken)} prompts are missing in {code}: said in English"
        )
        return warn(said, cure, **figures)
    return ok(f"{own} in {code}", **figures)
