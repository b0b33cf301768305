"""Sound through PortAudio: one system, a microphone and a loudspeaker on it."""

from appliance.devices.portaudio_microphone import PortAudioMicrophone
from appliance.devices.portaudio_speaker import PortAudioSpeaker
from appliance.devices.portaudio_system import SoundSystem

__all__ = ["PortAudioMicrophone", "PortAudioSpeaker", "SoundSystem"]
