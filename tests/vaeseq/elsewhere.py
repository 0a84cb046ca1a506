"""A pretended accelerator: what a CPU can tell of a run on a GPU. ``test_elsewhere.py`` has it in a process of its own.

Its tensors compute on the CPU, and all that a GPU would refuse is noted in ``FAULTS``: a meeting with tensors of the
CPU (but indices, and single numbers element by element) or with its generators, and a gradient of an LSTM in evaluation
mode, of which cuDNN has none. ``WAITS`` are the operations that the program would wait for the device for. Nothing is
raised: torch ends the process where Python raises within a gradient.

It cannot see what is of CUDA's own kernels: what they lack, how they round, and what they wait for themselves (as
``multinomial`` does); lower precision, memory, streams, several devices or processes; nor what vaeseq does for the name
"cuda" alone: pinned memory, LSTMs in float32, random states that are put back.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

from vaeseq import corpus, device

FAULTS: list[str] = []
WAITS: list[str] = []
GENERATORS: dict[int, torch.Generator] = {}  # those of the device by address, kept so that no other takes that
OURS = str(Path(device.__file__).parent)
aten = torch.ops.aten
INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)

backend = _DummyBackendModule()
backend.get_amp_supported_dtype = lambda: [torch.bfloat16]  # autocast asks for it
_setup_privateuseone_for_python_backend("elsewhere", backend)  # once in a process, and for good
DEVICE, CPU = torch.device("elsewhere", 0), torch.device("cpu")


class Far(Tensor):
    """A tensor of the device; ``near`` has its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near):
        layout = {"strides": near.stride(), "storage_offset": near.storage_offset(), "dtype": near.dtype}
        far = Tensor._make_wrapper_subclass(cls, near.size(), device=DEVICE, **layout)
        far.near = near
        return far

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return result(operation, args, kwargs or {})

    def tolist(self):
        return self.cpu().tolist()


class Pretended(TorchDispatchMode):
    """Where tensors can be made on the device."""

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return result(operation, args, kwargs or {})


class Generator(torch.Generator):
    """A generator that is of a device."""

    def __new__(cls, device=CPU):
        made = super().__new__(cls)
        if torch.device(device).type == DEVICE.type:
            GENERATORS[made._cdata] = made
        return made


def result(operation, args, kwargs):
    """What an operation gives, on whichever device."""
    tensors = []

    def near(value):
        if isinstance(value, Tensor):
            tensors.append(value)
            return value.near if isinstance(value, Far) else value
        return CPU if isinstance(value, torch.device) else value

    on_cpu = mapped(near, args), {name: mapped(near, value) for name, value in kwargs.items()}
    asked, generator = kwargs.get("device"), kwargs.get("generator")
    far = any(isinstance(each, Far) for each in tensors) if asked is None else asked.type == DEVICE.type
    if operation in (aten.copy_.default, aten._to_copy.default):
        far = isinstance(args[0], Far) if asked is None else far
        if isinstance(tensors[-1], Far) != far and not (far and (kwargs.get("non_blocking") or True in args[2:])):
            note(WAITS, operation)
    elif any(isinstance(each, Far) for each in tensors):
        check(operation, args, tensors)
    if generator is not None and (generator._cdata in GENERATORS) != far:
        note(FAULTS, f"{operation} has a generator of another device")
    found = operation(*on_cpu[0], **on_cpu[1])
    if not far:
        return found
    moved = mapped(lambda value: Far(value) if isinstance(value, Tensor) else value, found)
    return return_and_correct_aliasing(operation, args, kwargs, moved)


def mapped(change, value):
    return type(value)(mapped(change, part) for part in value) if isinstance(value, list | tuple) else change(value)


def check(operation, args, tensors):
    asks = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & {*operation.tags}
    numbers = torch.Tag.pointwise in operation.tags
    if operation in INDEXED:
        asks = any(index.dtype == torch.bool or not isinstance(index, Far) for index in args[1] if index is not None)
        tensors, numbers = [args[0], *args[2:3]], True
    strange = [tuple(each.shape) for each in tensors if not isinstance(each, Far) and (each.dim() or not numbers)]
    if strange:
        note(FAULTS, f"{operation} has tensors of the CPU, of shapes {strange}")
    if asks:
        note(WAITS, operation)


def note(where, what):
    """With the line of vaeseq that asked for it."""
    frame = sys._getframe()
    while frame and not frame.f_code.co_filename.startswith(OURS):
        frame = frame.f_back
    where.append(f"{what}, {frame.f_code.co_filename}:{frame.f_lineno}" if frame else str(what))


@torch.library.impl("aten::empty_strided", "PrivateUse1")
def empty(size, stride, *, dtype, **others):
    """For torch's own way from lists to tensors, which no mode sees."""
    return Far(torch.empty_strided(size, stride, dtype=dtype))


@torch.library.impl("aten::_copy_from", "PrivateUse1")
def copy_from(source, target, non_blocking=False):
    note(WAITS, "a tensor of a list")
    target.near.copy_(source)
    return target


class LSTM(torch.autograd.Function):
    """That of the CPU: torch has none for a device that it does not know."""

    @staticmethod
    def forward(ctx, settings, *tensors):
        _, _, _, training, _, _ = settings
        ctx.parts = [each.near.detach().requires_grad_() for each in tensors]
        ctx.refused = torch.backends.cudnn.enabled and not training
        with torch.set_grad_enabled(any(ctx.needs_input_grad)):
            ctx.found = torch.lstm(ctx.parts[0], ctx.parts[1:3], ctx.parts[3:], *settings)
        return tuple(Far(each.detach()) for each in ctx.found)

    @staticmethod
    def backward(ctx, *gradients):
        if ctx.refused:
            note(FAULTS, "cuDNN has no gradient of an LSTM in evaluation mode")
        found = torch.autograd.grad(ctx.found, ctx.parts, [each.near for each in gradients])
        return None, *map(Far, found)


@torch.library.impl("aten::lstm.input", "AutogradPrivateUse1")
def lstm(inputs, state, weights, *settings):
    return LSTM.apply(settings, inputs, *state, *weights)


def settle():
    """Have vaeseq take the device for a GPU."""
    torch.Generator = Generator
    tables = [vars(module).values() for name, module in [*sys.modules.items()] if name.startswith("vaeseq.")]
    for table in (value for values in tables for value in values if isinstance(value, dict)):
        if table.keys() == {"cpu", "cuda"}:
            table[DEVICE.type] = table["cpu"]
    corpus.Corpus._fits = lambda _, its: its.type == DEVICE.type
    corpus._sent = lambda tensor, its: tensor.to(its, non_blocking=True)
    device._cpu_has_bfloat16 = lambda: False
