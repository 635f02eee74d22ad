"""A simulated accelerator: tensors say device "sim:0", their numbers lie in CPU memory, and what a GPU would refuse or wait for is seen without one.

`with SimDevice() as sim:` makes `tensor.to("sim")`, `torch.zeros(3, device="sim")` and `module.to("sim")` work, forward and backward. Refused is what a GPU refuses:
tensors of two devices in one operation, numpy() on a device tensor, a CPU generator. Counted, by operation and the line that asked for it:
    sim.kernels   operations started (views start none)
    sim.waits     .item(), bool(), copies to the CPU, results whose shape depends on values, indices on the CPU
    sim.uploads   copies from the CPU
    sim.wide      operations in float64
Nothing is said about streams, graphs, mixed precision and memory. Uses torch's hooks for third-party backends (2.9 or later), which may change: the tests that need this
module skip themselves where they are missing.
"""
import traceback
from collections import Counter

import torch
import torch.utils._foreach_utils
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

aten = torch.ops.aten
COPIES = {aten.copy_.default, aten._copy_from.default}
INDEXING = {aten.index.Tensor, aten._unsafe_index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
ASKS = {aten._local_scalar_dense.default, aten.equal.default, aten.is_nonzero.default, aten.allclose.default, aten._linalg_check_errors.default}
SHAPED_BY_VALUES = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default, aten.unique_dim.default, aten.unique_consecutive.default,
                    aten.repeat_interleave.Tensor, aten.bincount.default}
NO_KERNEL = ("aten.empty", "aten.new_empty", "aten.detach", "aten._local_scalar_dense")


class SimTensor(torch.Tensor):
    "A tensor on the simulated device; `held` is the CPU tensor with its numbers."
    @staticmethod
    def __new__(cls, held, requires_grad=False):
        new = torch.Tensor._make_wrapper_subclass(cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
                                                  dtype=held.dtype, device="sim:0", requires_grad=requires_grad)
        new.held = held
        return new

    def __repr__(self): return f"sim({self.held!r})"

    def __reduce_ex__(self, protocol): return self.held.__reduce_ex__(protocol)  # a file holds numbers, as with map_location

    def __deepcopy__(self, memo):
        new = SimTensor(self.held.clone()).requires_grad_(self.requires_grad)
        return torch.nn.Parameter(new, self.requires_grad) if isinstance(self, torch.nn.Parameter) else new

    def __array__(self, dtype=None, copy=None): return self.numpy()

    def numpy(self, *, force=False):
        if force: return self.cpu().numpy()
        raise TypeError("can't convert sim:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.")

    def tolist(self): return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None): return run(func, args, kwargs or {})


def held(x): return x.held if isinstance(x, SimTensor) else x


def is_sim(device): return device is not None and torch.device(device).type == "sim"


def registered():
    "Make \"sim\" a device that torch knows, once; False where this torch has no hooks for it."
    if is_ready(): return True
    try: from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend as setup
    except ImportError: return False
    setup("sim", type("Sim", (_DummyBackendModule,), {"Event": SimEvent, "get_amp_supported_dtype": lambda self: [torch.bfloat16, torch.float16]})())
    def maker(make):
        return lambda *args, device=None, layout=None, pin_memory=None, memory_format=None, **kwargs: SimTensor(make(*args, device="cpu", **kwargs))
    torch.library.impl("aten::empty.memory_format", "PrivateUse1", maker(torch.empty))  # for operations that make tensors from within C++
    torch.library.impl("aten::empty_strided", "PrivateUse1", maker(torch.empty_strided))
    torch.utils._foreach_utils._foreach_supported_types.append(SimTensor)  # clipping and optimizers take all parameters in one kernel, as on a GPU
    torch.library.impl("aten::_copy_from", "PrivateUse1", lambda source, target, non_blocking=False: run(aten.copy_.default, (target, source), {}))
    return True


def is_ready(): return torch._C._get_privateuse1_backend_name() == "sim"


def place():
    "The line outside torch and this file that is running."
    for frame in reversed(traceback.extract_stack()):
        if "/torch/" not in frame.filename and frame.filename != __file__ and "importlib" not in frame.filename:
            return f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}: {frame.line}"
    return "autograd"


class SimEvent:
    "A moment in the device's work: who asks for it before anything else has been started waits for all of it."
    def record(self): self.at = SimDevice.started

    def synchronize(self):
        if self.at == SimDevice.started: note("waits", "event.synchronize")


def note(what, func):
    sim = SimDevice.current
    SimDevice.started += what == "kernels"
    if sim is not None and what is not None: getattr(sim, what)[f"{func} at {place()}" if sim.places or what != "kernels" else str(func)] += 1


def run(func, args, kwargs):
    "One operation that may have device tensors among its arguments."
    flat, form = tree_flatten((args, kwargs))
    tensors = [t for t in flat if isinstance(t, torch.Tensor)]
    ours, asked = [t for t in tensors if isinstance(t, SimTensor)], kwargs.get("device")
    if not ours and not is_sim(asked): return func(*args, **kwargs)
    if func is aten._to_copy.default: return moved(args[0], is_sim(asked) if asked is not None else True, kwargs)
    if func in COPIES: return copied(func, *args, **kwargs)
    refuse(func, args, kwargs, [t for t in tensors if not isinstance(t, SimTensor)])
    if waits(func, args): note("waits", func)
    if not func.is_view and not str(func).startswith(NO_KERNEL):
        note("kernels", func)
        if any(t.dtype == torch.float64 and t.dim() for t in ours): note("wide", func)
    here = [torch.device("cpu") if isinstance(x, torch.device) and x.type == "sim" else held(x) for x in flat]
    args, kwargs = tree_unflatten(here, form)
    same = {id(t.held): t for t in ours}  # a result that is an input stays that very input
    return tree_map(lambda t: same.get(id(t)) if id(t) in same else SimTensor(t) if isinstance(t, torch.Tensor) else t, func(*args, **kwargs))


def moved(source, there, kwargs):
    "A copy in another type, in another layout, or on the other device."
    if not isinstance(source, SimTensor): note("uploads", aten._to_copy.default)
    elif there: note("kernels", aten._to_copy.default)
    elif not kwargs.get("non_blocking"): note("waits", aten._to_copy.default)
    made = aten._to_copy.default(held(source), **{**kwargs, "device": torch.device("cpu")})
    return SimTensor(made) if there else made


def copied(func, target, source, *args, **kwargs):
    "A copy into a tensor that is there."
    from_sim, to_sim = isinstance(source, SimTensor), isinstance(target, SimTensor)
    non_blocking = kwargs.get("non_blocking", args[0] if args else False)
    note("kernels" if from_sim and to_sim else "uploads" if to_sim else None if non_blocking else "waits", func)
    func(held(target), held(source), *args, **kwargs)
    return target


def refuse(func, args, kwargs, cpu):
    "Raise what a GPU raises for a CPU generator, or for CPU tensors (numbers may come as 0-d ones, and indices) among its own."
    generator = kwargs.get("generator")
    if generator is not None and generator.device.type != "sim":
        raise RuntimeError(f"{func}: Expected a 'sim' device type for generator but found '{generator.device.type}'")
    numbers = torch.Tag.pointwise in func.tags or func in INDEXING
    indices = tree_flatten(args[1])[0] if func in INDEXING and isinstance(args[0], SimTensor) else []
    for t in cpu:
        if (numbers and t.dim() == 0) or any(t is i for i in indices): continue
        raise RuntimeError("Expected all tensors to be on the same device, but found at least two devices, sim:0 and cpu! "
                           f"({func}: a CPU tensor of shape {tuple(t.shape)} at {place()})")


def waits(func, args):
    "Whether a GPU's host waits for the result: values asked for, a shape made of values, indices on the CPU or a mask as an index."
    if func not in INDEXING: return func in ASKS or func in SHAPED_BY_VALUES
    indices = [i for i in tree_flatten(args[1])[0] if isinstance(i, torch.Tensor)]
    fills = func not in (aten.index.Tensor, aten._unsafe_index.Tensor) and args[2].numel() == 1 and len(indices) == 1  # x[mask] = number is masked_fill
    return any(not isinstance(i, SimTensor) or (i.dtype == torch.bool and not fills) for i in indices)


class SimDevice(TorchDispatchMode):
    """The simulated device at work, with its counts.

    Args:
        places: whether kernels, too, are counted by the line that started them"""
    current, started = None, 0  # the device that is counting; kernels of all times

    def __init__(self, places=False):
        super().__init__()
        self.places = places

    def __enter__(self):
        registered()
        SimDevice.current = self
        self.reset()
        return super().__enter__()

    def __exit__(self, *what):
        SimDevice.current = None
        return super().__exit__(*what)

    def reset(self):
        "Start counting anew."
        self.kernels, self.waits, self.uploads, self.wide = Counter(), Counter(), Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None): return run(func, args, kwargs or {})


def sim_accelerator():
    "An Accelerator whose device is the simulated one; reset accelerate's state afterwards (`AcceleratorState._reset_state(True)`)."
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    accelerator.state.device = torch.device("sim")
    return accelerator
