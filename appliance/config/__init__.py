"""Typed settings: one model per section, read from file, environment and credentials."""

from appliance.config.load import Loaded, load, load_settings
from appliance.config.notices import warnings_for
from appliance.config.settings import Settings

__all__ = ["Loaded", "Settings", "load", "load_settings", "warnings_for"]
