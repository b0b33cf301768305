"""What the model is told. Pure: the same inputs give the same bytes, which keeps its cache warm."""

from __future__ import annotations

EMPHASIS = {
    "none": "Speak evenly.",
    "moderate": "Stress the words that matter, a little.",
    "strong": "Stress the words that matter, clearly.",
}


def build_instructions(language: str, personality: str, emphasis: str, extra: str) -> str:
    """Return the instructions of a session, in small labelled sections.

    Args:
        language: English name of the language to answer in when the user's is not clear.
        personality: a word or a few.
        emphasis: "none", "moderate" or "strong".
        extra: the owner's own words; "" for none.
    """
    sections = [
        (
            "Role",
            "You are the voice of a small device with one button. People talk to you while they "
            "hold it. Answer in one to three short sentences, as one speaks, without lists.",
        ),
        ("Personality", f"Be {personality}."),
        ("Language", f"Answer in the user's language; if it is not clear, in {language.title()}."),
        ("Emphasis", EMPHASIS[emphasis]),
        ("Functions", "For the time or the volume call the function; if it fails, say why."),
        ("Not understood", "If you did not understand, say so and ask once. Never guess a fact."),
    ]
    if extra:
        sections.append(("Also", extra))
    return "\n\n".join(f"# {title}\n{text}" for title, text in sections)
