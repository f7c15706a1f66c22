"""Whether a pipeline's bandit, feedback and questions fit together and fit its models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.errors import DeclarationError
from headrace.feedback.asking import AskFor
from headrace.feedback.bandit import Bandit
from headrace.feedback.declaration import Feedback
from headrace.models.verbs import Task, needs_label


def bandit_of(models: object) -> Bandit | None:
    """Return *models* if it is a bandit, ``None`` if it holds river models.

    Raises
    ------
    DeclarationError
        If a bandit is one among several models.

    """
    if isinstance(models, Bandit):
        return models
    if isinstance(models, Mapping) and any(isinstance(model, Bandit) for model in models.values()):
        raise DeclarationError(
            "models",
            "a bandit stands alone",
            why="its choice is what is done, and other answers cannot vote on it",
            fix="models=headrace.Bandit([...])",
        )
    return None


def check_bandit(models: object, feedback: object, **others: object) -> None:
    """Refuse what a pipeline with a bandit cannot have, and *feedback* that cannot teach it.

    Parameters
    ----------
    models
        Those of the pipeline; nothing is refused if they are river's.
    others
        Arguments of the pipeline that are for models of labels, by name; none may be given.
    """
    bandit = bandit_of(models)
    if bandit is None:
        return
    for argument, given in others.items():
        if given is not None:
            raise DeclarationError(
                argument,
                "a bandit has no use for it",
                why="it learns what its choice earned, not a label",
                fix="leave it out; rewards come on feedback=",
            )
    fix = "feedback=headrace.Feedback('TOPIC', kind='reward')"
    if feedback is None:
        raise DeclarationError("feedback", "a bandit learns from rewards, and no topic brings them", fix=fix)
    made = checked_feedback(feedback)
    if made.kind == "correction" or (made.kind == "rating" and not made.teaches):
        raise DeclarationError(
            "feedback.kind",
            f"a {made.kind} does not teach a bandit",
            why="it learns what its choice earned",
            fix="kind='reward', or kind='rating' with teaches=True",
        )
    if (
        made.values is not None
        and not bandit.reward[0] <= made.values[0] < made.values[1] <= bandit.reward[1]
    ):
        raise DeclarationError(
            "feedback.values",
            f"they reach from {made.values[0]} to {made.values[1]}, the bandit's reward from "
            f"{bandit.reward[0]} to {bandit.reward[1]}",
            why="the bandit refuses a reward out of its range",
            fix=f"headrace.Bandit(..., reward={made.values})",
        )


def checked_feedback(feedback: object) -> Feedback:
    """Return *feedback* if it is such a declaration."""
    if not isinstance(feedback, Feedback):
        raise DeclarationError(
            "feedback",
            f"expected headrace.Feedback, got {type(feedback).__name__}",
            fix="feedback=headrace.Feedback('TOPIC')",
        )
    return feedback


def check_feedback(feedback: object, task: Task, *, target: str | None) -> None:
    """Refuse *feedback* that means nothing to models of river's."""
    made = checked_feedback(feedback)
    if made.kind == "reward":
        raise DeclarationError(
            "feedback.kind",
            "only a bandit learns rewards",
            why=f"the models are for {task}",
            fix="models=headrace.Bandit([...]), or kind='rating' or kind='correction'",
        )
    if target is None and (made.kind == "correction" or made.teaches):
        raise DeclarationError(
            "feedback.kind" if made.kind == "correction" else "feedback.teaches",
            "no model learns a label",
            why="the pipeline has no target",
            fix="target='FIELD', or kind='rating' without teaches",
        )


def check_lessons(feedback: Feedback | None, models: Mapping[str, Any]) -> None:
    """Refuse *feedback* that says which label is right, if none of *models* learns labels."""
    if feedback is None or not (feedback.kind == "correction" or feedback.teaches):
        return
    if not any(needs_label(model) for model in models.values()):
        argument = "feedback.kind" if feedback.kind == "correction" else "feedback.teaches"
        raise DeclarationError(
            argument,
            "no model learns a label",
            why=f"{', '.join(models)}: they learn from events alone",
            fix="kind='rating' without teaches, or a model that learns labels",
        )


def check_ask(ask: object, task: Task, models: Mapping[str, Any]) -> None:
    """Refuse questions by a strategy that cannot read the answers of *models*."""
    if not isinstance(ask, AskFor):
        raise DeclarationError(
            "ask",
            f"expected headrace.AskFor, got {type(ask).__name__}",
            fix="ask=headrace.AskFor(budget='5%')",
        )
    strategy = ask.strategy
    if task not in ("classification", "regression"):
        raise DeclarationError(
            "ask",
            f"models for {task} learn without labels",
            why="there is nothing to ask for",
            fix="leave it out",
        )
    if strategy in ("margin", "entropy") and task != "classification":
        raise DeclarationError(
            "ask.strategy",
            f"{strategy!r} reads probabilities, and the models are for {task}",
            fix="strategy='disagreement' with several models, or strategy='random'",
        )
    if strategy == "disagreement" and len(models) < 2:
        raise DeclarationError(
            "ask.strategy",
            "one model cannot disagree",
            fix="models={...} with two or more, or strategy='margin'",
        )
