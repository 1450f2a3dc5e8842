"""What encoders out of other libraries share."""

import json
from hashlib import blake2b
from threading import RLock

import numpy as np

# Tokenizers and hooks keep a state between calls, which threads would share.
LOCK = RLock()


class FrozenEncoder:
    """A frozen model, called with a batch of samples.

    A subclass defines `__call__`, which gives an array (n_samples, width) or a list of
    arrays (n_steps, width), and `weights_key`.
    """

    def __init__(self, model, tokenizer, layer, batch_size):
        self.model, self.tokenizer = model, tokenizer
        self.layer, self.batch_size = layer, batch_size

    def __call__(self, batch):
        raise NotImplementedError

    def weights_key(self):
        """A string that is another one for other weights."""
        raise NotImplementedError

    def __sklearn_clone__(self):
        return self

    def __repr__(self):
        layer = "" if self.layer is None else f", layer={self.layer!r}"
        return f"{type(self).__name__}({type(self.model).__name__}{layer})"

    def _run_by_length(self, sequences, run):
        """Run sequences of equal length together, so that nothing need be padded.

        Parameters
        ----------
        sequences : list of ndarray, or ndarray with one sample a row
        run : callable
            Of an array (n, ...), to an array (n, width) or (n, n_steps, width).

        Returns
        -------
        list of ndarray
            In the order of the sequences.
        """
        arrays = [np.asarray(sequence) for sequence in sequences]
        groups = {}
        for i, array in enumerate(arrays):
            groups.setdefault((array.shape, array.dtype), []).append(i)
        return self._run_groups(
            groups.values(), lambda index: run(np.stack([arrays[i] for i in index]))
        )

    def _run_padded(self, tokens, run):
        """Run token lists, the shortest first, padded to the longest of each batch.

        Parameters
        ----------
        tokens : list of dict of str to list of int
            The inputs of each text, all of one length.
        run : callable
            Of a dict of arrays (n, n_steps), among them the mask of the tokens that
            are there, to an array (n, width) or (n, n_steps, width).

        Returns
        -------
        list of ndarray
            In the order of the texts; of steps, those that are there.
        """
        lengths = np.array([len(one["input_ids"]) for one in tokens])

        def run_batch(index):
            longest = lengths[index].max()
            mask = np.arange(longest) < lengths[index][:, None]
            inputs = {"attention_mask": mask.astype(np.int64)}
            for name in tokens[index[0]].keys() - {"attention_mask"}:
                # What stands behind the mask is looked at by nobody.
                inputs[name] = np.zeros((len(index), longest), dtype=np.int64)
                for row, i in zip(inputs[name], index, strict=True):
                    row[: lengths[i]] = tokens[i][name]
            out = run(inputs)
            if out.ndim == 2:
                return out
            return [steps[: lengths[i]] for steps, i in zip(out, index, strict=True)]

        return self._run_groups([np.argsort(lengths, kind="stable")], run_batch)

    def _run_groups(self, groups, run):
        found = {}
        for group in groups:
            for a in range(0, len(group), self.batch_size):
                index = np.asarray(group[a : a + self.batch_size])
                given = run(index)
                if len(given) != len(index):
                    raise ValueError(
                        f"{self!r} gave {len(given)} rows for {len(index)} samples: "
                        "the first axis of what the model gives must be the samples."
                    )
                found.update(zip(index.tolist(), given, strict=True))
        return [found[i] for i in range(len(found))]


def are_texts(batch):
    """Whether a batch holds texts, and not sequences of numbers."""
    return isinstance(batch, list) and isinstance(batch[0], str)


def tokenize(tokenizer, texts, known=None):
    """The inputs of each text, by name.

    Parameters
    ----------
    tokenizer : callable
        Of Hugging Face, or a function of one text to its symbols.
    texts : list of str
    known : set of str, default=None
        The inputs that the model takes; None takes all.

    Returns
    -------
    list of dict of str to list of int
    """
    if tokenizer is None:
        raise ValueError(
            f"X holds texts, such as {texts[0]!r}, where symbols are due: give "
            "as_encoder the tokenizer of the model, or turn texts into symbols first."
        )
    if hasattr(tokenizer, "model_input_names"):
        # Not verbose: what is too long is refused with more to say than a warning.
        with LOCK:
            given = tokenizer(texts, verbose=False)
        names = [key for key in given if known is None or key in known]
        names = list(dict.fromkeys(["input_ids", *names]))
        tokens = [{name: given[name][i] for name in names} for i in range(len(texts))]
    else:
        tokens = [{"input_ids": list(tokenizer(text))} for text in texts]
    for text, one in zip(texts, tokens, strict=True):
        if not len(one["input_ids"]):
            raise ValueError(f"The tokenizer finds no token in the text {text!r}.")
    return tokens


def digest(*parts):
    """A hash of texts and arrays, in order."""
    found = blake2b(digest_size=32)
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype.str}{part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        found.update(part if isinstance(part, bytes) else str(part).encode())
        found.update(b"\0")
    return found.hexdigest()


def tokenizer_key(tokenizer):
    """What tells a tokenizer from another: its rules, if it says them."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if hasattr(backend, "to_str"):
        rules = json.loads(backend.to_str())
        # Left behind by the last call.
        for passing in ("truncation", "padding"):
            rules.pop(passing, None)
        return json.dumps(rules, sort_keys=True)
    if hasattr(tokenizer, "get_vocab"):
        return repr(sorted(tokenizer.get_vocab().items()))
    if tokenizer is None or getattr(tokenizer, "weights_key", None):
        return getattr(tokenizer, "weights_key", "none")
    raise ValueError(
        "memory must tell one tokenizer from another, and of a function only the name "
        f"is known: give {tokenizer!r} an attribute `weights_key`, a string that "
        "changes with what it does; or set memory=None."
    )
