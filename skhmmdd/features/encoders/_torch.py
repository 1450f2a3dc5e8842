"""Encoders out of the modules of PyTorch."""

import numpy as np

from skhmmdd._extras import import_extra
from skhmmdd.features.encoders._base import (
    LOCK,
    FrozenEncoder,
    are_texts,
    digest,
    tokenize,
    tokenizer_key,
)

# Of a configuration, what says nothing of what the model computes.
_PASSING = {"_name_or_path", "transformers_version"}


class TorchEncoder(FrozenEncoder):
    """What a module of PyTorch gives, or one of its submodules on the way."""

    def __init__(self, model, tokenizer, layer, batch_size):
        super().__init__(model, tokenizer, layer, batch_size)
        self._submodule = None if layer is None else find_submodule(model, layer)
        for module in (model, self._submodule):
            if getattr(module, "batch_first", True) is False:
                raise ValueError(
                    f"{type(module).__name__} has batch_first=False, so its first axis "
                    "is the steps: an encoder needs batch_first=True."
                )

    def __call__(self, batch):
        if are_texts(batch):
            batch = [one["input_ids"] for one in tokenize(self.tokenizer, batch)]
        return self._run_by_length(batch, self._run)

    def _run(self, array):
        torch = import_extra("torch", "transformers", "as_encoder")
        with frozen(self.model):
            tensor = as_tensor(torch, array, self.model)
            if self._submodule is None:
                return as_numpy(self.model(tensor))
            given = []
            with LOCK:
                hook = self._submodule.register_forward_hook(
                    lambda module, inputs, output: given.append(output)
                )
                try:
                    self.model(tensor)
                finally:
                    hook.remove()
        if not given:
            raise ValueError(f"The model does not run its layer {self.layer!r}.")
        return as_numpy(given[-1])

    def weights_key(self):
        """A hash of the weights, of the layer and of the tokenizer."""
        key = tokenizer_key(self.tokenizer)
        return digest(weights_of(self.model), repr(self.layer), key)


class frozen:
    """Context in which a module is in evaluation mode, and no gradient is kept."""

    def __init__(self, model):
        self._torch = import_extra("torch", "transformers", "as_encoder")
        self._model, self._mode = model, self._torch.inference_mode()

    def __enter__(self):
        # It stays so: another thread may be at the same module.
        if any(module.training for module in self._model.modules()):
            self._model.eval()
        self._mode.__enter__()

    def __exit__(self, *raised):
        return self._mode.__exit__(*raised)


def find_submodule(model, layer):
    """A submodule by its name, or ValueError."""
    names = [name for name, _ in model.named_modules() if name]
    if not isinstance(layer, str) or layer not in names:
        raise ValueError(
            f"layer={layer!r} is not a submodule of {type(model).__name__}; it has "
            f"{', '.join(map(repr, names[:20]))}{', ...' if len(names) > 20 else ''}."
        )
    return model.get_submodule(layer)


def as_tensor(torch, array, model):
    """An array where the model is, of whole numbers or in the precision it has."""
    parameters = [p for p in model.parameters() if p.is_floating_point()]
    device = parameters[0].device if parameters else None
    if array.dtype.kind in "biu":
        return torch.as_tensor(array.astype(np.int64), device=device)
    dtype = parameters[0].dtype if parameters else torch.float32
    return torch.as_tensor(array, dtype=dtype, device=device)


def as_numpy(output):
    """What a model gives, as an array of shape (n, ...) in single precision or more."""
    if isinstance(output, (tuple, list)):  # as a recurrent layer: output, then state
        output = output[0]
    output = getattr(output, "last_hidden_state", output)
    if not hasattr(output, "detach"):
        raise TypeError(
            f"The model must give a tensor, got {type(output).__name__}: name a layer."
        )
    output = output.detach()
    if output.is_floating_point() and output.element_size() < 4:
        output = output.float()
    array = output.cpu().numpy()
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim not in (2, 3):
        raise ValueError(
            "The model must give a tensor (n_samples, width) or (n_samples, n_steps, "
            f"width), got shape {array.shape}: choose a layer, or flatten it."
        )
    return array


def weights_of(model):
    """A hash of the weights of a module, and of how it is built."""
    torch = import_extra("torch", "transformers", "as_encoder")
    parts = [repr(model)]
    for module in model.modules():
        config = getattr(module, "config", None)
        if hasattr(config, "to_diff_dict"):  # of transformers
            settings = config.to_diff_dict()
            parts += [(k, settings[k]) for k in sorted(settings) if k not in _PASSING]
    for name, weight in model.state_dict().items():
        parts.append(name)
        if hasattr(weight, "detach"):
            weight = weight.detach().cpu().contiguous()
            parts.append(f"{weight.dtype}{tuple(weight.shape)}")
            # bfloat16 has no counterpart in NumPy: as bytes.
            parts.append(weight.reshape(-1).view(torch.uint8).numpy())
        else:
            parts.append(repr(weight))
    return digest(*parts)
