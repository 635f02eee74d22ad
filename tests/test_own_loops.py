"The losses in other people's training loops: Hugging Face, Lightning, accelerate, FSDP2, models made on the meta device."
from importlib.util import find_spec

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from fer_nb.angular_softmax import AngularSoftmax
from fer_nb.centers import CenterLoss
from fer_nb.dda import DDALoss
from fer_nb.grl import DomainAdversarial, DomainClassifier, GradientReversal
from fer_nb.large_margin import LargeMarginLoss
from fer_nb.separate_loss import SeparateLoss

K, D, STEPS = 5, 3, 2


class Network(nn.Module):
    "An embedding, a head for the classes, and one for the domains behind a mirror; the loss knows about the centers."
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, D), nn.Linear(D, K)
        self.domains, self.criterion = nn.Sequential(GradientReversal(.3), nn.Linear(D, 2)), DDALoss(K, D)

    def forward(self, x, y):
        embedding = self.body(x)
        softmax, domain = nn.functional.cross_entropy(self.head(embedding), y), nn.functional.cross_entropy(self.domains(embedding), y % 2)
        return softmax + domain + self.criterion(embedding, y)


def data(step, n=8):
    g = torch.Generator().manual_seed(step)
    return torch.randn(n, 4, generator=g), torch.randint(K, (n,), generator=g)


def network():
    torch.manual_seed(0)
    return Network()


def state(model): return {name: value.detach().clone() for name, value in model.state_dict().items()}


def alone():
    "What the same steps give in a plain loop of one process."
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    for step in range(STEPS):
        optimizer.zero_grad()
        model(*data(step)).backward()
        optimizer.step()
    return state(model)


def same(first, second):
    assert first.keys() == second.keys()
    for name in first: assert_close(first[name], second[name], rtol=1e-5, atol=1e-6, msg=lambda m, name=name: f'{name}: {m}')


def test_the_steps_move_everything():
    start, end = state(network()), alone()
    assert {name for name in start if torch.equal(start[name], end[name])} == {'domains.0._lambd'}


# ---- Hugging Face

@pytest.fixture(scope='module')
def hugging():
    "transformers and a model of its kind around the network."
    transformers = pytest.importorskip('transformers')

    class Config(transformers.PretrainedConfig):
        model_type = 'own_loop'

    class Model(transformers.PreTrainedModel):
        config_class = Config

        def __init__(self, config):
            super().__init__(config)
            self.net = network()
            self.post_init()

        def _init_weights(self, module): pass

        def forward(self, x, labels): return {'loss': self.net(x, labels)}

    return transformers, lambda: Model(Config()), Model


def test_pretrained_model_keeps_strength_and_centers(hugging, tmp_path):
    _, make, Model = hugging
    model = make()
    model.net.domains[0].lambd = .7
    model.net(*data(0)).backward()
    model.save_pretrained(tmp_path)
    loaded = Model.from_pretrained(tmp_path)
    assert loaded.net.domains[0].lambd == .7
    for name, value in state(model).items(): assert torch.equal(loaded.state_dict()[name], value), name
    assert not torch.equal(loaded.net.criterion.centers, network().criterion.centers)


def test_trainer_trains_and_evaluation_moves_nothing(hugging, tmp_path, monkeypatch):
    transformers, make, _ = hugging
    monkeypatch.setattr('transformers.trainer.is_datasets_available', lambda: False)  # tests/datasets is on the path
    model, rows = make(), [{'x': a, 'labels': b} for step in range(STEPS) for a, b in zip(*data(step))]
    settings = transformers.TrainingArguments(tmp_path, per_device_train_batch_size=8, num_train_epochs=1, learning_rate=.1, optim='sgd', use_cpu=True,
                                              lr_scheduler_type='constant', max_grad_norm=0, report_to=[], save_strategy='no', disable_tqdm=True)
    class InOrder(transformers.Trainer):
        def _get_train_sampler(self, *_): return None
    trainer = InOrder(model, settings, train_dataset=rows, eval_dataset=rows)
    trainer.train()
    trained = state(model.net)
    same(trained, alone())
    trainer.evaluate()
    for name, value in state(model.net).items(): assert torch.equal(trained[name], value), name


# ---- accelerate and Lightning, with two processes

def share(rank, step):
    "A process's half of a batch"
    x, y = data(step)
    return x[rank * 4:rank * 4 + 4], y[rank * 4:rank * 4 + 4]


def accelerated(rank):
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    assert accelerator.num_processes == 2
    model = network()
    wrapped, optimizer = accelerator.prepare(model, torch.optim.SGD(model.parameters(), lr=.1))
    for step in range(STEPS):
        optimizer.zero_grad()
        accelerator.backward(wrapped(*share(rank, step)))
        optimizer.step()
    return state(accelerator.unwrap_model(wrapped))


def lightning_module():
    from lightning.pytorch import LightningModule

    class Module(LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def training_step(self, batch): return self.net(*batch)

        def validation_step(self, batch): self.net(*batch)

        def configure_optimizers(self): return torch.optim.SGD(self.parameters(), lr=.1)

    return Module()


def lightened(rank, folder):
    from lightning.pytorch import Trainer
    from lightning.pytorch.plugins.environments import TorchElasticEnvironment
    from lightning.pytorch.strategies import DDPStrategy
    module = lightning_module()
    trainer = Trainer(accelerator='cpu', devices=2, max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False,
                      enable_model_summary=False, use_distributed_sampler=False, default_root_dir=folder,
                      strategy=DDPStrategy(process_group_backend='gloo'), plugins=[TorchElasticEnvironment()])
    batches = torch.utils.data.DataLoader([share(rank, step) for step in range(STEPS)], batch_size=None)
    trainer.fit(module, batches, batches)  # looks at the validation set before the first step and after the last
    return state(module.net)


@pytest.mark.slow
def test_accelerate_with_two_processes(ddp):
    first, second = ddp(accelerated)
    same(first, alone())
    same(first, second)


@pytest.mark.skipif(not find_spec('lightning'), reason='needs lightning')  # which takes its time where nobody needs it
@pytest.mark.slow
def test_lightning_with_two_processes(ddp, tmp_path):
    first, second = ddp(lightened, str(tmp_path))
    same(first, alone())
    same(first, second)


# ---- FSDP2

def sharded(rank):
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor import DTensor
    model = network()
    for part in (model.body, model.head, model): fully_shard(part)
    assert isinstance(model.body.weight, DTensor) and not isinstance(model.criterion.centers, DTensor)
    optimizer = torch.optim.SGD(model.parameters(), lr=.1)
    for step in range(STEPS):
        optimizer.zero_grad()
        model(*share(rank, step)).backward()
        optimizer.step()
    return {name: value.full_tensor() if isinstance(value, DTensor) else value for name, value in state(model).items()}


@pytest.mark.slow
def test_fully_sharded_with_two_processes(ddp):
    first, second = ddp(sharded)
    same(first, alone())
    same(first, second)


# ---- processes that have nothing to give

def with_an_empty_share(rank):
    (x, y), criterion = data(0), network().criterion
    mine = slice(None) if rank == 0 else slice(0)
    criterion(x[mine, :D], y[mine])
    return criterion.centers


def left_out(rank):
    "One process trains, the other looks after something else."
    group = torch.distributed.new_group([0])
    if rank: return None
    (x, y), criterion = data(0), DDALoss(K, D, process_group=group)
    criterion.load_state_dict(network().criterion.state_dict())
    criterion(x[:, :D], y)
    return criterion.centers


def test_a_process_without_samples_or_without_a_part(ddp):
    (x, y), criterion = data(0), network().criterion
    criterion(x[:, :D], y)
    for centers in ddp(with_an_empty_share): assert_close(centers, criterion.centers)
    centers, nothing = ddp(left_out)
    assert nothing is None
    assert_close(centers, criterion.centers)


# ---- the meta device

def made():
    "Everything that has parameters or buffers of its own."
    torch.manual_seed(1)
    return nn.ModuleDict({
        'center': CenterLoss(K, D), 'dda': DDALoss(K, D), 'separate': SeparateLoss(K, D), 'margin': LargeMarginLoss(K, D), 'learned': DDALoss(K, D, centers='autograd'),
        'angular': AngularSoftmax(D, K), 'mirror': GradientReversal(.3), 'adversarial': DomainAdversarial(DomainClassifier(D, 2, (4,)), steps=9)})


def from_meta():
    with torch.device('meta'): modules = made()
    modules.to_empty(device='cpu')
    with torch.no_grad():
        for value in [*modules.parameters(), *modules.buffers()]: value.fill_(7)  # memory that nobody has written
    return modules


def test_reset_parameters_after_the_meta_device_equals_a_new_start():
    modules = from_meta()
    torch.manual_seed(1)
    for module in modules.modules():
        if hasattr(module, 'reset_parameters'): module.reset_parameters()
    same(state(modules), state(made()))


def test_load_state_dict_after_the_meta_device():
    modules, saved = from_meta(), made()
    saved['mirror'].lambd = .7
    modules.load_state_dict(saved.state_dict())
    for name, value in state(saved).items(): assert torch.equal(modules.state_dict()[name], value), name
    assert modules['mirror'].lambd == .7
