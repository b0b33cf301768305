// What the device's words are for a person. Keys are those of the status snapshot.

export const LIGHTS = {
  setup: ["Waiting to be set up", "Join its network with a phone, and follow the page there."],
  starting: ["Starting", "It will be ready in a moment."],
  no_network: ["No network", "It goes on trying. What is said now is kept for a while."],
  fault: ["Needs attention", "It cannot go on without help: see below."],
  listening: ["Listening", "Somebody is speaking."],
  thinking: ["Thinking", "The answer is on its way."],
  speaking: ["Speaking", "The button interrupts it."],
  muted: ["Muted", "A long press of the button ends this."],
  idle: ["Ready", "It waits for somebody to talk."],
};

export const IDLE_BY_MODE = {
  hold: "Hold the button and talk.",
  tap: "Tap the button and talk.",
  hands_free: "Just talk: it listens for a voice.",
};

export const STATES = {
  idle: "none", listening: "being said", closing: "being finished", waiting: "waits for the answer",
  speaking: "being answered", muted: "muted",
};

export const LINKS = {
  ready: "up", connecting: "connecting", renewing: "up, being renewed", waiting_to_retry: "down, trying again",
  open_circuit: "down, trying less often", refused: "refused", disconnected: "closed",
};

export const LEVELS = {
  good: "On target", fair: "Fair", warning: "Warning", critical: "Critical", unknown: "No data",
};

// Shapes, too: colour alone tells some people nothing. Paths in a box of 12 by 12.
export const LEVEL_SHAPES = {
  good: "M1 6.5 4.5 10 11 2.5 9.5 1 4.5 7 2.5 5z",
  fair: "M6 1a5 5 0 1 0 0 10A5 5 0 0 0 6 1z",
  warning: "M6 1 11.5 11H.5z",
  critical: "M1 1h10v10H1z",
  unknown: "M1 5h10v2H1z",
};

export const INDICATORS = {
  audio_latency: "Audio latency",
  connection_uptime: "Connected",
  error_rate: "Failed turns",
  memory_usage: "Memory",
};

export const SPANS = {
  release_to_first_sound: "Question to answer",
  press_to_mic: "Press to microphone",
  capture_to_sent: "Microphone to network",
  release_to_commit: "Release to sent",
  received_to_output: "Network to loudspeaker",
  barge_in_to_silence: "Interruption to silence",
  connect: "Connecting",
};

export const COUNTERS = {
  turns: "Turns", answered: "Answered", failed: "Failed", too_short: "Too short", interrupted: "Interrupted",
  barge_ins: "Talked over", prompts: "Announcements", reconnects: "Reconnects", overflows: "Input overruns",
  underflows: "Output gaps", lost_samples: "Lost samples",
};

export const TALK_MODES = { hold: "Hold", tap: "Tap", hands_free: "Hands free" };

const FINE = new Set(["answered", "interrupted", "too_short"]);

export const isFine = (outcome) => FINE.has(outcome);

/** Make words of a name: "no_wifi" is "No wifi". */
export function plain(name) {
  const words = String(name).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
