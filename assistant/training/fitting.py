"""Fit weights to labelled messages: logistic regression with a Gaussian prior, one head after the other.

The loss is convex and its minimum the same from any start, so the same texts always give the same weights. With a base
the prior's mean is the base: few examples move only what they speak about. Only here numpy and scipy are
used: no client waits for them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar

from assistant.engines import Request
from assistant.engines.local import features_of
from assistant.model import HEADS, LANES, STEP, Model, length, packed, place_of
from assistant.signs import BLOCKS, Signs
from assistant.training import meanings
from assistant.training.examples import Example

RARE = {"chars": 2, "words": 2, "rules": 2}  # a sign seen in fewer texts is not kept
LOUDNESS = {"chars": 4.0, "words": 8.0, "rules": 0.5}  # how far the prior lets the weights of a block go
MEANING = 6.0  # the same for what is learned of a word by its meaning, and so of words never seen
BALANCE = 0.8  # 0: every text counts alike, 1: every label counts alike
PRIOR = 1.0
ON_BASE = {"chars": 1.0, "words": 1.0, "rules": 0.2}  # few examples shall teach words, not how rules are weighed
FAINT = 0.1  # on a base, a sign none of whose weights is larger is not worth its memory
Blocks = dict[str, frozenset[str]]


def train(examples: Sequence[Example], *, base: Model | None = None, known: Iterable[Example] = ()) -> Model:
    """Weights for the examples; on top of `base` when given. Raises ValueError when there are none.

    `known` are texts that the base was fitted to: they keep their meaning where they share words with the examples,
    and teach no words of their own. Each is read once and let go."""
    if not examples:
        raise ValueError("nothing to learn from")
    return fit([signs_of(example) for example in examples], examples, base=base, known=known)


def signs_of(example: Example) -> Blocks:
    request = Request(example.text, example.now, example.price_list, example.city)
    return Signs(features_of(request)).blocks


def fit(
    blocks: Sequence[Blocks], examples: Sequence[Example], *, base: Model | None = None, known: Iterable[Example] = ()
) -> Model:
    """As `train`, of signs that were read already."""
    sense = meanings.shipped() if base is None else meanings.NONE
    vocabulary = {block: _kept(block, blocks, 1 if base else RARE[block]) for block in BLOCKS}
    vocabulary["words"] = sorted({*vocabulary["words"], *sense.words})
    loudness = {block: LOUDNESS[block] * (ON_BASE[block] if base else 1.0) for block in BLOCKS}
    loud = np.concatenate([np.full(len(vocabulary[block]), loudness[block]) for block in BLOCKS])
    lines = [_Line(each, {block: len(each[block]) for block in BLOCKS}) for each in blocks]
    given = [base.scores(each) for each in blocks] if base else [[0.0] * LANES] * len(examples)
    if base:
        examples = list(examples)
        words = {block: frozenset(vocabulary[block]) for block in BLOCKS}
        for example in known:
            each = signs_of(example)
            examples.append(example)
            lines.append(_Line({b: each[b] & words[b] for b in BLOCKS}, {b: len(each[b]) for b in BLOCKS}))
            given.append(base.scores(each))
    signs = sparse.hstack([_matrix(block, vocabulary[block], lines) for block in BLOCKS], format="csr")
    # A word's meaning is a mixture of directions; what is learned of a direction is learned of all its words.
    mixture = sparse.vstack(
        [
            sparse.csr_matrix((len(vocabulary["chars"]), sense.directions)),
            sense.matrix(vocabulary["words"]) * MEANING,
            sparse.csr_matrix((len(vocabulary["rules"]), sense.directions)),
        ],
        format="csr",
    )
    seen = np.flatnonzero(signs.getnnz(axis=0))  # of a word that no text holds only its meaning can be learned
    own = sparse.diags(loud, format="csc")[:, seen]
    spread = sparse.hstack([own, mixture], format="csr")  # from what is fitted to signs
    matrix = (signs @ spread).tocsr()
    have = np.array(given)
    weights = np.zeros((matrix.shape[1], LANES))
    bias = np.zeros(LANES)
    for name, labels in HEADS:
        lanes = slice(place_of(name, labels[0]), place_of(name, labels[-1]) + 1)
        truth, matters = _truth(name, labels, examples)
        weights[:, lanes], bias[lanes] = _fitted(matrix, truth, matters, have[:, lanes], moves_bias=base is None)
    steps = np.rint((spread @ weights) / STEP).astype(int)
    rows: dict[str, dict[str, int]] = {}
    faint = FAINT / STEP if base else 0
    at = 0
    for block in BLOCKS:
        size = len(vocabulary[block])
        rows[block] = {
            sign: packed(row)
            for sign, row in zip(vocabulary[block], steps[at : at + size].tolist(), strict=True)
            if max(map(abs, row)) > faint
        }
        at += size
    return Model(rows, tuple(round(float(value), 4) for value in bias), base.heat if base else 1.0, base)


def tempered(model: Model, blocks: Sequence[Blocks], examples: Sequence[Example]) -> float:
    """The heat at which the model's chances are right most nearly on texts that it was not fitted to."""
    place = place_of("intent", "booking")
    scores = np.array([model.scores(signs)[place : place + len(HEADS[0][1])] for signs in blocks])
    truth = np.array([HEADS[0][1].index(example.intents[0]) for example in examples])

    def loss(heat: float) -> float:
        return float(-_log_softmax(scores / heat)[np.arange(len(truth)), truth].mean())

    return round(float(minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded").x), 4)


# One head


def _truth(name: str, labels: tuple[str, ...], examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
    """What each example says (one column a label), and how much it counts."""
    told = [_answer(name, example) for example in examples]
    columns = np.array([[answer == label for label in labels] for answer in told], dtype=float)
    counts = Counter(told)
    typical = len(told) / len(counts)
    shares = {answer: (typical / count) ** BALANCE for answer, count in counts.items()}
    matters = [shares[answer] * example.weight for answer, example in zip(told, examples, strict=True)]
    if name.startswith("also "):  # what leads cannot stand beside itself: such texts say nothing here
        led = [example.intents[0] == name.removeprefix("also ") for example in examples]
        matters = [0.0 if leads else weight for leads, weight in zip(led, matters, strict=True)]
    return columns, np.array(matters)


def _answer(name: str, example: Example) -> str:
    if name == "intent":
        return example.intents[0]
    if name == "emotion":
        return example.emotion
    if name == "urgent":
        return "yes" if example.urgency == "high" else "no"
    if name == "price_sensitive":
        return "yes" if example.price_sensitive else "no"
    return "yes" if name.removeprefix("also ") in example.intents[1:] else "no"


def _fitted(
    matrix: sparse.csr_matrix, truth: np.ndarray, matters: np.ndarray, given: np.ndarray, *, moves_bias: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of one head by maximum a posteriori; `given` are scores that are there already.

    How often a label is meant shows in many texts only: a few that stand for themselves must not move the bias."""
    signs, labels = matrix.shape[1], truth.shape[1]
    turned = matrix.T.tocsr()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[: signs * labels].reshape(signs, labels), flat[signs * labels :]
        scores = matrix @ weights + bias + given
        if labels == 1:
            value = matters @ np.logaddexp(0, np.where(truth > 0, -scores, scores))[:, 0]
            wrong = (1 / (1 + np.exp(-scores)) - truth) * matters[:, None]
        else:
            logs = _log_softmax(scores)
            value = -(matters @ (truth * logs).sum(axis=1))
            wrong = (np.exp(logs) - truth) * matters[:, None]
        value += 0.5 * PRIOR * float((weights**2).sum() + 0.01 * (bias**2).sum())
        slope_of_bias = (wrong.sum(axis=0) + 0.01 * PRIOR * bias) * moves_bias
        slope = np.concatenate([(turned @ wrong + PRIOR * weights).ravel(), slope_of_bias])
        return float(value), slope

    found = minimize(
        loss, np.zeros(signs * labels + labels), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-8}
    ).x
    return found[: signs * labels].reshape(signs, labels), found[signs * labels :]


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


# Signs to columns


@dataclass(frozen=True)
class _Line:
    """The signs of one text that may have a column, and how many it has in all."""

    signs: Blocks
    sizes: dict[str, int]


def _kept(block: str, blocks: Sequence[Blocks], least: int) -> list[str]:
    counts = Counter(sign for signs in blocks for sign in signs[block])
    return sorted(sign for sign, count in counts.items() if count >= least)


def _matrix(block: str, vocabulary: list[str], lines: Sequence[_Line]) -> sparse.csr_matrix:
    column = {sign: number for number, sign in enumerate(vocabulary)}
    starts, columns, values = [0], [], []
    for line in lines:
        known = sorted(column[sign] for sign in line.signs[block] if sign in column)
        columns += known
        values += [length(block, line.sizes[block])] * len(known)
        starts.append(len(columns))
    return sparse.csr_matrix((values, columns, starts), shape=(len(lines), len(vocabulary)))
