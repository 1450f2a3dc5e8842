"""Encoders out of sessions of ONNX Runtime."""

from pathlib import Path

import numpy as np

from skhmmdd.features.encoders._base import (
    FrozenEncoder,
    are_texts,
    digest,
    tokenize,
    tokenizer_key,
)

_DTYPES = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(bool)": np.bool_,
}


class OnnxEncoder(FrozenEncoder):
    """An output of a session, the first unless `layer` names another."""

    def __init__(self, model, tokenizer, layer, batch_size):
        outputs = [output.name for output in model.get_outputs()]
        if layer is not None and layer not in outputs:
            raise ValueError(
                f"layer={layer!r} is not an output of the session; it has "
                f"{', '.join(map(repr, outputs))}."
            )
        self._inputs = {one.name: one for one in model.get_inputs()}
        size = next(iter(self._inputs.values())).shape[:1]
        if size == [1]:  # a model that was saved for one sample at a time
            batch_size = 1
        super().__init__(model, tokenizer, layer, batch_size)
        self._output = outputs[0] if layer is None else layer

    def __call__(self, batch):
        if are_texts(batch) and hasattr(self.tokenizer, "model_input_names"):
            tokens = tokenize(self.tokenizer, batch, set(self._inputs))
            return self._run_padded(tokens, self._run)
        if are_texts(batch):
            batch = [one["input_ids"] for one in tokenize(self.tokenizer, batch)]
        if len(self._inputs) != 1:
            raise ValueError(
                f"The session has the inputs {', '.join(map(repr, self._inputs))}: it "
                "needs texts and the tokenizer of its model."
            )
        (name,) = self._inputs
        return self._run_by_length(batch, lambda array: self._run({name: array}))

    def _run(self, arrays):
        unknown = self._inputs.keys() - arrays.keys()
        if unknown:
            raise ValueError(
                f"The tokenizer does not give the inputs {sorted(unknown)} of the "
                "session."
            )
        feed = {}
        for name, one in self._inputs.items():
            dtype = _DTYPES.get(one.type)
            if dtype is None:
                raise ValueError(
                    f"The input {name!r} is of type {one.type}, no numbers."
                )
            if arrays[name].dtype.kind == "f" and np.dtype(dtype).kind != "f":
                raise ValueError(
                    f"The input {name!r} takes whole numbers, got {arrays[name].dtype}."
                )
            feed[name] = np.ascontiguousarray(arrays[name], dtype=dtype)
        (found,) = self.model.run([self._output], feed)
        if found.ndim == 1:
            found = found[:, None]
        if found.ndim not in (2, 3):
            raise ValueError(
                f"The output {self._output!r} must have shape (n_samples, width) or "
                f"(n_samples, n_steps, width), got {found.shape}."
            )
        return found

    def weights_key(self):
        """A hash of the file, of the output and of the tokenizer."""
        path = getattr(self.model, "_model_path", None)
        content = getattr(self.model, "_model_bytes", None)
        if content is None:
            if not path:
                raise ValueError("memory cannot tell the weights of this session.")
            content = Path(path).read_bytes()
        return digest(bytes(content), self._output, tokenizer_key(self.tokenizer))
