"""Small programs as people write them, ill and healthy, each rebuilt from a public question (its address stands beside it; no code of theirs is here).
Every function trains a little where that matters and returns what the doctor says."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from fer_nb.grl import doctor, watch

BROKEN, HEALTHY = {}, {}

def broken(finding, address):
    "One of the findings must be named."
    def register(f):
        BROKEN[f.__name__] = f, (finding,) if isinstance(finding, str) else finding, address
        return f
    return register

def healthy(address):
    def register(f):
        HEALTHY[f.__name__] = f, address
        return f
    return register


# ---- what the programs are made of: everybody writes these anew

class RevGrad(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad): return grad.neg() * ctx.alpha, None

def flip(x, alpha=1.): return RevGrad.apply(x, alpha)

def data(n=96, gap=2., domains=2, dim=8, seed=0):
    "Pictures of three classes; the domains are shifted along other directions."
    g = torch.Generator().manual_seed(seed)
    y, d = torch.randint(3, (n,), generator=g), torch.arange(n) % domains
    x = torch.randn(n, dim, generator=g)
    x[:, :3] += 3 * F.one_hot(y, 3)
    x[:, 4] += gap * d
    return x, y, d

class Net(nn.Module):
    "Extractor and class layer; returns a tuple."
    def __init__(self, dim=8, width=16, norm=False):
        super().__init__()
        self.extract = nn.Sequential(nn.Linear(dim, width), *([nn.BatchNorm1d(width)] if norm else []), nn.ReLU(), nn.Linear(width, width))
        self.classify = nn.Linear(width, 3)

    def forward(self, x):
        z = self.extract(x)
        return z, self.classify(z)

def critic(outputs=2, dim=16): return nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, outputs))

def train(model, objective, batch, optimizer, steps=40):
    for _ in range(steps):
        losses = objective(batch, model(batch[0]))
        losses = [losses] if isinstance(losses, torch.Tensor) else losses.values() if isinstance(losses, dict) else losses
        optimizer.zero_grad()
        sum(losses).backward()
        optimizer.step()

def sgd(*modules, lr=.05): return torch.optim.SGD([p for m in modules for p in m.parameters()], lr=lr)

def dann(loss, steps=40, batch=None, outputs=2, net=None, head=None, known=False, lr=.05, **ask):
    "The usual program around one domain loss(head, z, d)."
    net, head, batch = net or Net(), head or critic(outputs), batch or data()
    def objective(batch, out):
        z, logits = out
        source = batch[2] == 0
        return {"cls": F.cross_entropy(logits[source], batch[1][source]) if source.any() else F.cross_entropy(logits, batch[1]), "domain": loss(head, z, batch[2])}
    train(net, objective, batch, sgd(net, head, lr=lr), steps)
    if known: ask["head"] = head
    return doctor(net, objective, batch, **ask)

CE = F.cross_entropy


# ---- the mirror

@broken("not reversed", "https://github.com/zou-longkun/GAST/issues/3")
def mirror_forgotten(): return dann(lambda head, z, d: CE(head(z), d))

@broken("not reversed", "https://github.com/VisionLearningGroup/DAL/issues/1")
def mirror_switched_off():
    "The critic has a flag reverse=False, and nobody sets it."
    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = critic()

        def forward(self, z, reverse=False): return self.net(flip(z) if reverse else z)
    return dann(lambda head, z, d: CE(head(z), d), head=Critic(), known=True)

@broken("domain classifier reversed too", "https://github.com/CuthbertCai/pytorch_DANN/issues/13")
def minus_in_the_total_loss(): return dann(lambda head, z, d: -.3 * CE(head(z), d), steps=10)

@broken("domain classifier reversed too", "https://github.com/liaopeiyuan/GAL/issues/4")
def negative_loss_and_known_head(): return dann(lambda head, z, d: -CE(head(z), d), steps=5, known=True, lr=.02)

@broken("domain classifier reversed too", "https://github.com/facebookresearch/DomainBed/issues/143")
def one_optimizer_for_both_signs():
    "classifier_loss − disc_loss with one optimizer over everything, one logit and BCE."
    def loss(head, z, d): return -F.binary_cross_entropy_with_logits(head(z)[:, 0], d.float())
    return dann(loss, outputs=1, steps=5)

@broken("domain classifier reversed too", "https://github.com/pumpikano/tf-dann/issues/14")
def mirror_behind_the_critic(): return dann(lambda head, z, d: CE(flip(head(z)), d), steps=10)

@broken("not reversed", "https://github.com/CuthbertCai/pytorch_DANN/issues/10")
def lambda_is_negative():
    "gamma = -10 makes λ negative, and the mirror turns it once more."
    lam = 2 / (1 + math.exp(10 * .3)) - 1
    return dann(lambda head, z, d: CE(head(flip(z, lam)), d))

@broken("not reversed", "https://github.com/Feaxure-fresh/TL-Fault-Diagnosis-Library/issues/9")
def mirror_and_minus(): return dann(lambda head, z, d: -CE(head(flip(z)), d), steps=10)

@broken("not reversed", "https://github.com/thuml/CDAN/issues/6")
def hook_and_mirror():
    "A gradient hook reverses what the mirror has reversed."
    def loss(head, z, d):
        r = z * 1.
        r.register_hook(lambda g: -g)
        return CE(head(flip(r)), d)
    return dann(loss)

@broken("class loss reversed", "https://github.com/thuml/Universal-Domain-Adaptation/issues/5")
def mirror_before_both_classifiers():
    class Both(Net):
        def forward(self, x):
            z = flip(self.extract(x))
            return z, self.classify(z)
    return dann(lambda head, z, d: CE(head(z), d), net=Both(), steps=10)


# ---- the gradient's way

@broken("no gradient to the features", "https://github.com/Yangyangii/DANN-pytorch/issues/1")
def features_detached_for_the_critic(): return dann(lambda head, z, d: CE(head(flip(z.detach())), d))

@broken("no gradient to the backbone", "https://github.com/Joovvhan/dann_tf2.0/issues/1")
def extractor_under_no_grad():
    class Feeds(Net):
        def forward(self, x):
            with torch.no_grad(): z = self.extract(x)
            return {"features": z, "logits": self.classify(z)}
    net, head, batch = Feeds(), critic(), data()
    def objective(batch, out): return {"cls": CE(out["logits"], batch[1]), "dom": CE(head(flip(out["features"])), batch[2])}
    train(net, objective, batch, sgd(net, head))
    return doctor(net, objective, batch)

@broken("frozen backbone", "https://github.com/lightly-ai/lightly/issues/1438")
def backbone_frozen():
    net, head, batch = Net(), critic(), data()
    net.extract.requires_grad_(False)
    def objective(batch, out): return CE(out[1], batch[1]), CE(head(flip(out[0])), batch[2])
    train(net, objective, batch, sgd(net, head))
    return doctor(net, objective, batch)

@broken("optimizer lacks the backbone", "https://github.com/Bigrock-dd/AlphaPPIMI/issues/1")
def only_the_classifier_is_optimized():
    net, head, batch = Net(), critic(), data()
    def objective(batch, out): return {"cls": CE(out[1], batch[1]), "domain": CE(head(flip(out[0], .5)), batch[2])}
    optimizer = torch.optim.AdamW([*net.classify.parameters(), *head.parameters()], lr=1e-3)
    train(net, objective, batch, optimizer)
    return doctor(net, objective, batch, optimizer=optimizer)

@broken("optimizer lacks the domain classifier", "https://github.com/jvanvugt/pytorch-domain-adaptation/issues/4")
def critic_not_in_the_optimizer():
    net, head, batch = Net(), critic(), data()
    def objective(batch, out): return {"cls": CE(out[1], batch[1]), "domain": CE(head(flip(out[0], .5)), batch[2])}
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    train(net, objective, batch, optimizer)
    return doctor(net, objective, batch, head=head, optimizer=optimizer)

@broken("dead domain head", "https://github.com/fungtion/DANN/issues/16")
def softmax_over_one_output():
    "One output, because there are only two domains; then a softmax over it."
    return dann(lambda head, z, d: F.nll_loss(F.log_softmax(head(flip(z)), 1), torch.zeros_like(d)), outputs=1)

@broken(("domain classifier at chance, but the domains differ", "dead domain head"), "https://github.com/lingeringlight/DomainDrop/issues/3")
def critic_with_dead_units():
    head = critic()
    nn.init.constant_(head[0].bias, -100.)
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), head=head)


# ---- the strength

@broken("λ near 0", "https://github.com/thuml/PADA/issues/4")
def schedule_over_far_too_many_steps():
    "max_iter is 10⁹ here: λ never leaves 0."
    lam = 2 / (1 + math.exp(-10 * 40 / 1e9)) - 1
    return dann(lambda head, z, d: CE(head(flip(z, lam)), d))

@broken("λ near 0", "https://github.com/YU1ut/openset-DA/issues/7")
def progress_by_whole_numbers():
    "p = step // total is 0 to the end."
    step, total = 40, 1000
    lam = 2 / (1 + math.exp(-10 * (step // total))) - 1
    return dann(lambda head, z, d: CE(head(flip(z, lam)), d), known=True)

@broken("λ far too large", "https://github.com/pumpikano/tf-dann/issues/12")
def lambda_of_a_hundred(): return dann(lambda head, z, d: CE(head(flip(z, 100.)), d), steps=2, lr=.01)

@broken("λ far too large", "https://github.com/krumo/Domain-Adaptive-Faster-RCNN-PyTorch/issues/43")
def sum_instead_of_mean(): return dann(lambda head, z, d: CE(head(flip(z)), d, reduction="sum"), steps=2, lr=.001)

@broken("λ applied twice", "https://github.com/jindongwang/transferlearning/issues/158")
def weight_before_the_loss_and_in_the_mirror(): return dann(lambda head, z, d: .1 * CE(head(flip(z, .1)), d), lambd=.1, known=True)


# ---- loss, batch, normalization

@broken("softmax before cross-entropy", "https://github.com/facebookresearch/DomainBed/issues/101")
def critic_ends_with_a_softmax(): return dann(lambda head, z, d: CE(head(flip(z)), d), head=nn.Sequential(*critic(), nn.Softmax(1)))

@broken("softmax before cross-entropy", "https://github.com/gitabcworld/MatchingNetworks/issues/5")
def classes_go_through_two_softmaxes():
    class Soft(Net):
        def forward(self, x):
            z = self.extract(x)
            return z, self.classify(z).softmax(1)
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), net=Soft())

@broken("softmax before cross-entropy", "https://github.com/mlelarge/graph_neural_net/pull/37")
def sigmoid_before_bce_with_logits():
    def loss(head, z, d): return F.binary_cross_entropy_with_logits(head(flip(z)).sigmoid()[:, 0], d.float())
    return dann(loss, outputs=1)

@broken("one domain only", "https://github.com/K2OKOH/MAD/issues/2")
def only_the_source_in_the_batch():
    x, y, d = data()
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), batch=(x, y, 0 * d))

@broken("a domain is missing", "https://github.com/daoyuan98/MSDA/issues/3")
def third_domain_never_comes():
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), outputs=3)

@broken("statistics kept apart", "https://github.com/scikit-adaptation/skada/issues/252")
def source_and_target_one_after_the_other():
    "The model's forward splits the batch, and each half is normalized on its own."
    class Halves(Net):
        def forward(self, x):
            z = torch.cat([self.extract(half) for half in x.chunk(2)])
            return z, self.classify(z)
    x, y, d = data()
    order = d.argsort(stable=True)
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), net=Halves(norm=True), batch=(x[order], y[order], d[order]))

@broken("statistics kept apart", "https://github.com/adapt-python/adapt/issues/92")
def objective_calls_the_model_for_each_domain():
    net, head, batch = Net(norm=True), critic(), data()
    def objective(batch, out):
        x, y, d = batch
        source, target = net(x[d == 0]), net(x[d == 1])
        z, labels = torch.cat([source[0], target[0]]), torch.cat([d[d == 0], d[d == 1]])
        return {"cls": CE(source[1], y[d == 0]), "domain": CE(head(flip(z, .3)), labels)}
    train(net, objective, batch, sgd(net, head))
    return doctor(net, objective, batch, head=head)

@broken("collapsed features", "https://github.com/cpf0079/UCDA/issues/3")
def all_pictures_give_one_output():
    net = Net()
    nn.init.zeros_(net.extract[2].weight)
    nn.init.constant_(net.extract[2].bias, 1.)
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), net=net, steps=0)

@broken("not finite", "https://github.com/facebookresearch/DomainBed/issues/132")
def diverged_to_nan(): return dann(lambda head, z, d: CE(head(flip(z, 1e4)), d), steps=60, lr=5.)

@broken("domain classifier saturated", "https://github.com/thuml/Transfer-Learning-Library/issues/267")
def critic_far_too_strong():
    net, head, batch = Net(), critic(), data(gap=8.)
    def objective(batch, out): return {"cls": CE(out[1], batch[1]), "domain": CE(head(flip(out[0], .01)), batch[2])}
    train(net, objective, batch, torch.optim.SGD([{"params": net.parameters(), "lr": .01}, {"params": head.parameters(), "lr": .5}], lr=.1), 200)
    return doctor(net, objective, batch)


# ---- class centers

class ForeignCenters(nn.Module):
    "Center loss as it is usually found: centers are a Parameter."
    def __init__(self, classes=3, dim=16):
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, dim))

    def forward(self, x, labels): return (x - self.centers[labels]).pow(2).sum(1).clamp(1e-12, 1e12).mean()

def centered(crit, weight=.1, steps=40, optimize=True, net=None, batch=None, softmax=1., lr=.05):
    net, batch = net or Net(), batch or data()[:2]
    def objective(batch, out): return {"softmax": softmax * CE(out[1], batch[1]), "center": weight * crit(out[0], batch[1])}
    optimizer = sgd(net, *([crit] if optimize else []), lr=lr)
    train(net, objective, batch, optimizer, steps)
    return doctor(net, objective, batch, optimizer=optimizer)

@broken("frozen centers", "https://github.com/KaiyangZhou/pytorch-center-loss/issues/22")
def centers_not_in_the_optimizer(): return centered(ForeignCenters(), optimize=False)

class Buffered(nn.Module):
    "Center loss with its centers in a buffer, which `move` is to move."
    def __init__(self, centers, move):
        super().__init__()
        self.register_buffer("centers", centers)
        self.move = move

    def forward(self, x, labels):
        apart = x - self.centers[labels]
        if self.training: self.move(self.centers, labels, apart.detach())
        return apart.pow(2).mean()

@broken("frozen centers", "https://github.com/davidsandberg/facenet/issues/575")
def center_buffer_is_never_written(): # the result is thrown away
    return centered(Buffered(torch.randn(3, 16), lambda centers, labels, apart: centers.index_add(0, labels, .5 * apart)))

@broken("frozen centers", "https://github.com/wujiyang/Face_Pytorch/issues/10")
def arcface_weights_not_in_the_optimizer():
    class Arc(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 16))

        def forward(self, x, labels):
            angle = F.linear(F.normalize(x), F.normalize(self.weight)).clamp(-.999, .999).acos()
            return CE(16 * (angle + .3 * F.one_hot(labels, 3)).cos(), labels)
    return centered(Arc(), weight=1., optimize=False)

@broken("center term far too large", "https://github.com/KaiyangZhou/pytorch-center-loss/issues/25")
def center_weight_of_ten_thousand(): return centered(ForeignCenters(), weight=1e4, steps=0)

@broken("center term far too small", "https://github.com/ydwen/caffe-face/pull/1")
def center_weight_of_a_millionth(): return centered(ForeignCenters(), weight=1e-6)

@broken("collapsed centers", "https://github.com/davidsandberg/facenet/issues/85")
def one_center_for_all():
    crit = ForeignCenters()
    with torch.no_grad(): crit.centers[:] = crit.centers[0] + 1e-3 * torch.randn(3, 16)
    return centered(crit, weight=.01, steps=0)

@broken("minority collapse", "https://github.com/HobbitLong/SupContrast/issues/9")
def rare_classes_are_one():
    "Two rare classes with the same pictures, as it were: nobody tells them apart, nor from the common ones."
    x, _, _ = data(120)
    y = torch.tensor([0] * 55 + [1] * 55 + [2] * 5 + [3] * 5)
    x[:, :4] = 3 * F.one_hot(torch.where(y > 1, 2, y), 4)
    net = Net()
    net.classify = nn.Linear(16, 4)
    crit = ForeignCenters(4)
    with torch.no_grad(): net.classify.bias[2:] = -30.
    return centered(crit, weight=.01, net=net, batch=(x, y), steps=60)


# ---- healthy ones

@healthy("https://github.com/fungtion/DANN/issues/12")
def usual_dann(): return dann(lambda head, z, d: CE(head(flip(z, .3)), d), steps=100)

@healthy("https://github.com/pytorch/pytorch/issues/1110")
def reversed_by_a_hook():
    def loss(head, z, d):
        r = z * 1.
        r.register_hook(lambda g: -.5 * g)
        return CE(head(r), d)
    return dann(loss, known=True)

@healthy("https://github.com/tadeephuy/GradientReversal")
def reversed_without_a_function():
    "Forwards x, backwards −λ: (1 + λ)·detach − λ·x."
    return dann(lambda head, z, d: CE(head(1.3 * z.detach() - .3 * z), d))

@healthy("https://github.com/fungtion/DANN/issues/16")
def one_logit_and_bce(): return dann(lambda head, z, d: F.binary_cross_entropy_with_logits(head(flip(z, .3))[:, 0], d.float()), outputs=1)

@healthy("https://github.com/fungtion/DANN_py3/issues/12")
def log_softmax_and_nll(): return dann(lambda head, z, d: F.nll_loss(head(flip(z, .3)), d), head=nn.Sequential(*critic(), nn.LogSoftmax(1)))

@healthy("https://github.com/wogong/pytorch-dann/issues/8")
def mirror_inside_the_critic():
    class Critic(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = critic()

        def forward(self, z): return self.net(flip(z, .4))
    return dann(lambda head, z, d: CE(head(z), d), head=Critic(), known=True)

@healthy("https://github.com/fungtion/DANN/issues/7")
def model_returns_classes_and_domains():
    "The commonest form: the critic and its mirror live in the model, no embedding comes out."
    class Dann(Net):
        def __init__(self):
            super().__init__()
            self.domain = critic()

        def forward(self, x, alpha=.3):
            z = self.extract(x)
            return self.classify(z), self.domain(flip(z, alpha))
    net, batch = Dann(), data()
    def objective(batch, out): return CE(out[0], batch[1]), CE(out[1], batch[2])
    train(net, objective, batch, optimizer := sgd(net), 60)
    return doctor(net, objective, batch, optimizer=optimizer)

@healthy("https://github.com/scikit-adaptation/skada/issues/253")
def one_total_loss_and_a_dictionary():
    class Named(Net):
        def forward(self, x):
            z, logits = super().forward(x)
            return {"logits": logits, "embedding": z}
    net, head, batch = Named(), critic(), data()
    def objective(batch, out): return CE(out["logits"], batch[1]) + .5 * CE(head(flip(out["embedding"])), batch[2])
    train(net, objective, batch, sgd(net, head))
    return doctor(net, objective, batch, head=head)

@healthy("https://github.com/daoyuan98/MSDA/issues/3")
def three_domains(): return dann(lambda head, z, d: CE(head(flip(z, .3)), d), outputs=3, batch=data(domains=3))

@healthy("https://github.com/Britefury/self-ensemble-visual-domain-adapt-photo/issues/3")
def batch_normalization_on_the_mixed_batch(): return dann(lambda head, z, d: CE(head(flip(z, .3)), d), net=Net(norm=True))

@healthy("https://github.com/jindongwang/transferlearning/issues/192")
def critic_with_dropout_and_layer_norm():
    head = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.ReLU(), nn.Dropout(.5), nn.Linear(32, 2))
    return dann(lambda head, z, d: CE(head(flip(z, .3)), d), head=head, known=True, steps=80)

@healthy("https://github.com/Yangyangii/DANN-pytorch/issues/1")
def domains_alike_at_the_end(): return dann(lambda head, z, d: CE(head(flip(z, .3)), d), batch=data(gap=0.), steps=60)

@healthy("https://github.com/krumo/Detectron-DA-Faster-RCNN/issues/6")
def not_trained_yet(): return dann(lambda head, z, d: CE(head(flip(z, .1)), d), steps=0)

@healthy("https://github.com/ssamot/DANN-keras/issues/1")
def labels_changed_instead_of_a_mirror():
    "As in a GAN: the features have a turn of their own, in which each domain is called the other."
    net, head, (x, y, d) = Net(), critic(), data()
    features, own = sgd(net, lr=.02), sgd(head, lr=.1)
    with watch(net, head, every=5) as w:
        for _ in range(60):
            own.zero_grad()
            CE(head(net(x)[0].detach()), d).backward()
            own.step()
            z, logits = net(x)
            features.zero_grad()
            (CE(logits[d == 0], y[d == 0]) + .3 * CE(head(z), 1 - d)).backward()
            features.step()
    return doctor(w)

@healthy("https://github.com/KaiyangZhou/pytorch-center-loss/issues/7")
def centers_with_an_optimizer_of_their_own(): return centered(ForeignCenters(), weight=.01)

@healthy("https://github.com/davidsandberg/facenet/issues/391")
def centers_written_in_forward():
    return centered(Buffered(torch.zeros(3, 16), lambda centers, labels, apart: centers.index_add_(0, labels, .02 * apart)), weight=.8, steps=80)
