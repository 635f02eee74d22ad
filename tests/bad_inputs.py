"""Bad inputs by the hundred: good calls of the public functions, whose arguments are spoiled one by one.

A call is spoiled in one argument: another kind (None, a text, a list, truth), no number (NaN, infinity), out of range, another shape or dtype,
nothing at all. What is made depends on the good value and on what its annotation allows. `MAY_PASS` names what is spoiled and yet good."""
import functools
import inspect
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from fer_nb import backbones as bb, batches as ba, centers as ce, dda, embeddings as emb, faces as fa, files, grl, large_margin as lm, papers, plots
from fer_nb import preprocessing as pre, recipes, reproduce as rep, separate_loss as sep, arena as ar, tables as tab, training as tr, wmnist as wm, angular_softmax as ang
import fer_nb.adaptation as adaptation_wing
from fer_nb.pictures import open_picture
from fer_nb.datasets import FaceFolder, sample_figure, split_by_subject


class Strange:
    "A thing of a kind that nobody asks for"
    def __repr__(self): return "<strange>"


class Good(NamedTuple):
    "A call that is right"
    name: str
    call: Any
    args: dict
    trusted: tuple = () # arguments that are not looked at: they belong to another part's check


def spoiled_tensor(t):
    yield "one axis more", t[None, None]
    yield "a single number", t.flatten()[0]
    yield "nothing in it", t[:0]
    if t.is_floating_point(): yield "complex", t.to(torch.complex64)
    else:
        yield "halves", t.float() + .5
        if t.dtype == torch.int64 and t.ndim == 1: yield "far too large", t + 2**40

def spoiled_sequence(v):
    yield "a number", 3
    yield "nothing in it", type(v)()
    yield "strange inside", type(v)([Strange()] * max(1, len(v)))
    if all(isinstance(e, float) for e in v): yield "NaN inside", type(v)([math.nan] * max(1, len(v)))

def of_another_value(value):
    "What may stand in a value's place, with words for it."
    if isinstance(value, torch.Tensor): return [("a text", "text"), *spoiled_tensor(value)]
    if isinstance(value, bool): return [("a text", "yes"), ("a number", 2.5)]
    if isinstance(value, int): return [("a fraction", 2.5), ("a text", "3"), ("truth", True), ("far below", -10**9), ("a list", [1]), ("NaN", math.nan)]
    if isinstance(value, float): return [("NaN", math.nan), ("infinite", math.inf), ("a text", "x"), ("truth", True), ("a list", [1.])]
    if isinstance(value, str): return [("unknown", "no such"), ("empty", ""), ("a number", 3), ("a list", [value])]
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple): return [("a text", "no such"), *spoiled_sequence(value)]
    return [("strange", Strange()), ("a text", "text"), ("a number", 3)]

def may_be_none(call, name):
    try: parameter = inspect.signature(call).parameters.get(name)
    except (TypeError, ValueError): return True
    return parameter is None or parameter.default is None or "None" in str(parameter.annotation)

def spoiled(good):
    "(argument, in words, bad value) of a call."
    for name, value in good.args.items():
        if name in good.trusted: continue
        if not may_be_none(good.call, name): yield name, "None", None
        for words, bad in of_another_value(value): yield name, words, bad


@functools.cache
def material():
    "What the good calls are made with."
    torch.manual_seed(0)
    class Material: pass
    m = Material()
    m.x, m.y, m.c = torch.randn(12, 2), torch.arange(12) % 3, torch.randn(3, 2)
    m.image = torch.rand(3, 64, 64)
    m.points = torch.tensor([[20., 25.], [44., 25.], [32., 36.], [24., 48.], [40., 48.]])
    m.run = emb.Run([0, 1] * 4)
    for s in (1, 2): m.run.add(s, np.random.default_rng(s).normal(size=(8, 2)), [0] * 8)
    m.model = bb.LeNetsPP(3, 2, .05, 14)
    m.photos = torch.rand(12, 1, 14, 14)
    m.au, m.who = torch.zeros(1, len(fa.AU_NAMES)), fa.sample_identity([3])
    m.faces = FaceFolder([f"{n}.png" for n in range(4)], [0, 1, 2, 0], subjects=list("abcd"))
    m.output = m.model(m.photos)
    m.batches = ba.Batches(m.photos, m.y, batch_size=4)
    m.training = rep.Training(("rafdb",), network="labcnn", weights="none", size=64)
    m.report = lm.score_report([0.] * len(fa.AU_NAMES))
    return m


def losses(m):
    batch = dict(x=m.x, y=m.y, c=m.c)
    yield Good("center_loss", ce.center_loss, batch)
    yield Good("center_delta", ce.center_delta, batch)
    yield Good("island_loss", ce.island_loss, {**batch, "lam1": 10.})
    yield Good("island_delta", ce.island_delta, {**batch, "lam1": 10.})
    yield Good("dda_loss", dda.dda_loss, {**batch, "scaling": "paper", "reduction": "mean"})
    yield Good("dda_delta", dda.dda_delta, batch)
    yield Good("separate_loss", sep.separate_loss, batch)
    yield Good("separate_delta", sep.separate_delta, batch)
    yield Good("similarity_table", sep.similarity_table, batch)
    yield Good("large_margin_loss", lm.large_margin_loss, {**batch, "reduction": "mean"})
    yield Good("class_centroids", lm.class_centroids, dict(x=m.x, y=m.y, num_classes=3))
    yield Good("angular_logits", ang.angular_logits, dict(x=m.x, weight=m.c, y=m.y, s=8., m=.2, monotone=True))
    for loss in (ce.CenterLoss, ce.IslandLoss, dda.DDALoss, sep.SeparateLoss, lm.LargeMarginLoss):
        own = {"lam1": 1.} if loss is ce.IslandLoss else {"lam": 1., "gamma": 1.} if loss is dda.DDALoss else {}
        start = dict(num_classes=3, feat_dim=2, alpha=.5, centers="running" if loss is lm.LargeMarginLoss else "rule", ignore_index=-100,
                     reduction="mean", **own)
        yield Good(loss.__name__, loss, start)
        yield Good(f"{loss.__name__}()", loss(3, 2), dict(x=m.x, y=m.y))
    yield Good("AngularSoftmax", ang.AngularSoftmax, dict(in_features=2, num_classes=3, s=8., m=.2, monotone=True))
    yield Good("udat_as", ang.udat_as, dict(feat_dim=2, num_domains=2, lambd=.1, hidden=(4,)))

def arena(m):
    logits, counts = m.x @ m.c.t(), [30., 20., 10.]
    batch, embedded = dict(logits=logits, y=m.y), dict(x=m.x, y=m.y)
    yield Good("logit_adjusted_loss", ar.logit_adjusted_loss, {**batch, "counts": counts, "tau": 1., "reduction": "mean"})
    yield Good("focal_loss", ar.focal_loss, {**batch, "gamma": 2.})
    yield Good("margin_loss", ar.margin_loss, {**batch, "margins": torch.ones(3)})
    yield Good("supcon_loss", ar.supcon_loss, {**embedded, "num_classes": 3, "temperature": .1})
    yield Good("balanced_contrastive_loss", ar.balanced_contrastive_loss, {**embedded, "c": m.c, "temperature": .1})
    yield Good("dot_regression_loss", ar.dot_regression_loss, {**embedded, "w": m.c})
    yield Good("ring_loss", ar.ring_loss, {**embedded, "num_classes": 3, "radius": 1.})
    yield Good("class_counts", ar.class_counts, dict(counts=counts))
    yield Good("effective_number", ar.effective_number, dict(counts=counts, beta=.9))
    yield Good("class_balanced_weights", ar.class_balanced_weights, dict(counts=counts, beta=.9))
    yield Good("ldam_margins", ar.ldam_margins, dict(counts=counts, max_m=.5))
    yield Good("even_directions", ar.even_directions, dict(num_classes=3, feat_dim=2))
    yield Good("LogitAdjustedLoss", ar.LogitAdjustedLoss, dict(counts=counts, tau=1., ignore_index=-100, reduction="mean"))
    yield Good("LDAMLoss", ar.LDAMLoss, dict(counts=counts, max_m=.5, s=8.))
    yield Good("MarginLoss", ar.MarginLoss, dict(margins=torch.ones(3), s=8.))
    yield Good("DeferredWeights", ar.DeferredWeights, dict(loss=ar.FocalLoss(3), weight=torch.ones(3), after=3))
    for make, own in ((ar.FocalLoss, dict(gamma=2.)), (ar.CosFaceLoss, dict(s=8., m=.2)), (ar.SupConLoss, dict(temperature=.1)), (ar.RingLoss, dict(radius=1.)),
                      (ar.BalancedContrastiveLoss, dict(feat_dim=2, temperature=.1)), (ar.DotRegressionLoss, dict(feat_dim=2))):
        yield Good(make.__name__, make, dict(num_classes=3, **own))
        made = make(3, **own)
        yield Good(f"{make.__name__}()", made, dict(x=logits if made.takes == "logits" else m.x, y=m.y))

def adaptation(m):
    yield Good("grad_reverse", grl.grad_reverse, dict(x=m.x, lambd=1.))
    yield Good("GradientReversal", grl.GradientReversal, dict(lambd=1.))
    yield Good("factor", grl.factor, dict(progress=.5, alpha=10.))
    yield Good("clamped_domain_loss", grl.clamped_domain_loss, dict(nll=m.x[:, 0].abs(), limit=1.))
    yield Good("DomainClassifier", grl.DomainClassifier, dict(feat_dim=2, num_domains=2, hidden=(4,)))
    judge = grl.DomainClassifier(2)
    yield Good("DomainAdversarial", grl.DomainAdversarial, dict(classifier=judge, steps=10, alpha=10., lambd=1., clamp=1., scales="reversal"))
    yield Good("watch", lambda **words: grl.watch(**words).__enter__(), dict(model=nn.Linear(2, 2), head=nn.Linear(2, 2), every=3))
    yield Good("moments", lambda **words: next(iter(grl.moments(**words)), None), dict(steps=[], watch=(m.x, m.y), every=3))
    yield Good("doctor", grl.doctor, dict(subject=m.run))
    yield Good("chosen", adaptation_wing.chosen, dict(rows=[dict(source="a", target="b", seed=0, information=1.)], scorer="information", groups=("source", "seed")))

def margins(m):
    yield Good("au_name", lm.au_name, dict(au="AU12"))
    yield Good("f1_per_au", lm.f1_per_au, dict(predicted=torch.rand(4, 3), au=torch.rand(4, 3), present=.5))
    yield Good("f1_averages", lm.f1_averages, dict(f1=torch.rand(3), aus=[1, 2, 4]))
    yield Good("f1_text", lm.f1_text, dict(rows={"a": torch.rand(3)}, aus=[1, 2, 4]))
    yield Good("PseudoEmotions", lm.PseudoEmotions, dict(aus=lm.EMOTIONET_AUS, table="du2014", least=.1, lead=.1))
    scores = lm.PseudoEmotions(lm.EMOTIONET_AUS, "du2014")
    yield Good("PseudoEmotions()", scores, dict(au=torch.rand(2, len(lm.EMOTIONET_AUS))))
    yield Good("PseudoEmotions.classes", scores.classes, dict(au=torch.rand(2, len(lm.EMOTIONET_AUS))))
    yield Good("SemiSupervised", lm.SemiSupervised, dict(margin=lm.LargeMarginLoss(6, 2), ratio=.5, weight=.1, fade=10, memory=.9))
    yield Good("score_report", lm.score_report, dict(au=[0.] * len(fa.AU_NAMES), tables=("ekman",), least=.1, lead=.05))
    yield Good("score_figure", lm.score_figure, dict(report=m.report))
    yield Good("read_aus", lm.read_aus, dict(path="no such"))

def networks(m):
    yield Good("LeNetsPP", bb.LeNetsPP, dict(num_classes=3, feat_dim=2, width=.1, in_size=14, init="he"))
    yield Good("LeNetsPP()", m.model, dict(images=m.photos))
    yield Good("LabCNN", bb.LabCNN, dict(num_classes=3, feat_dim=2, in_size=32))
    for make in (bb.VGG19Taps, bb.VGG16FC, bb.AlexNet, bb.ResNet18):
        yield Good(make.__name__, make, dict(num_classes=3, feat_dim=6 if make is bb.VGG19Taps else 4, width=.02, in_size=64, init="he"))
    yield Good("from_torchvision", bb.from_torchvision, dict(name="resnet18", width=.02, in_size=64, init="he"))
    yield Good("initialise", bb.initialise, dict(module=nn.Linear(2, 2), init="he"))
    yield Good("layer_table", bb.layer_table, dict(model=m.model, images=m.photos))
    yield Good("signal_spread", bb.signal_spread, dict(model=m.model, images=m.photos))
    yield Good("receptive_field", bb.receptive_field, dict(layers=[nn.Conv2d(1, 1, 3)]))

def sources(m):
    yield Good("Batches", lambda x, **words: ba.Batches(x, **words), dict(x=m.photos, batch_size=4, seed=0, shuffle=True))
    yield Good("Batches.iterate", lambda **words: next(m.batches.iterate(**words)), dict(epoch=0, start=0))
    yield Good("BalancedSampler", ba.BalancedSampler, dict(sizes=[3, 9], per_domain=2, seed=0))
    yield Good("BalancedBatches", ba.BalancedBatches, dict(datasets={"a": (m.photos, m.y)}, per_domain=2, seed=0, workers=0))
    yield Good("balance_figure", ba.balance_figure, dict(sizes={"a": 3, "b": 9}, per_domain=2, epoch=0, seed=0))
    yield Good("as_source", ba.as_source, dict(batches=[(m.photos, m.y)], seed=0))

def trainings(m):
    objective = tr.Objective()
    words = dict(model=m.model, objective=objective, batches=m.batches, epochs=1, lr=.1, center_lr=.5, clip=5., seed=0, checkpoint_every=3,
                 check_every=2, capture=False, checkpoint="no such folder", optimizer=torch.optim.SGD, schedule=tr.cosine())
    yield Good("fit", tr.fit, {k: v for k, v in words.items() if k != "checkpoint"})
    yield Good("fit(checkpoint=)", lambda checkpoint: tr.fit(m.model, objective, m.batches, 1, checkpoint=checkpoint), dict(checkpoint="no such folder"))
    yield Good("progress", lambda **w: list(tr.progress(**w)), dict(steps=[], every=.5))
    yield Good("Objective", tr.Objective, dict(center=(ce.CenterLoss(3, 2), .1)))
    yield Good("staircase", tr.staircase, dict(every=.2, factor=.8))
    yield Good("cosine", tr.cosine, dict(warmup=3))
    yield Good("schedule_figure", tr.schedule_figure, dict(schedules={"a": tr.cosine()}, total=10, lr=1.))
    yield Good("readout", tr.readout, dict(output=m.output, head="linear"))
    yield Good("readout of centers", tr.readout, dict(output=m.output, head="center", centers=m.c))
    yield Good("readout without bias", tr.readout, dict(output=m.output, head="prior", prior=[1., 2., 3.]))
    yield Good("score", tr.score, dict(y=m.y, predicted=m.y, num_classes=3))
    yield Good("evaluate", tr.evaluate, dict(model=m.model, x=m.photos, y=m.y, head="linear", batch_size=4))
    result = tr.score(m.y, m.y, 3)
    yield Good("confusion_figure", tr.confusion_figure, dict(scores={"a": result}, class_names=["a", "b", "c"]))
    yield Good("curves_figure", tr.curves_figure, dict(curves={"a": ([1., 2.], [1., 2.])}, steps=2))

def recordings(m):
    yield Good("Run", emb.Run, dict(labels=m.y, class_names=["a", "b", "c"], minority=[0], recipe={"a": 1}, seed=0, total=3,
                                    images=torch.zeros(12, 4, 4, dtype=torch.uint8)))
    def add(**words):
        run = emb.Run([0, 1, 2] * 4)
        run.add(**words)
    yield Good("Run.add", add, dict(step=1, embedding=m.x, predictions=m.y, epoch=1, centers=m.c, head=m.c, bias=m.c[:, 0], losses={"a": 1.}, grad_norm=1.))
    for name in ("embedding", "accuracy", "figure", "to_png"): yield Good(f"Run.{name}", getattr(m.run, name), dict(i=0))
    yield Good("Run.meta", m.run.meta, dict(start=0))
    for name in ("save", "to_html", "to_gif"): yield Good(f"Run.{name}", getattr(m.run, name), dict(path="no such folder/a"))
    yield Good("Run.to_gif(fps=)", lambda fps: m.run.to_gif("/dev/null", fps=fps), dict(fps=12.))
    yield Good("Run.load", emb.Run.load, dict(path="no such"))
    yield Good("figures", lambda run, i: emb.figures(run, i=i), dict(run=m.run, i=0))
    yield Good("snapshot", emb.snapshot, dict(run=m.run))
    yield Good("recalls", emb.recalls, dict(run=m.run, i=0))
    yield Good("quantise", emb.quantise, dict(x=m.x))
    yield Good("payload", emb.payload, dict(runs=[m.run], drop=0))
    yield Good("to_page", emb.to_page, dict(runs=[m.run]))
    yield Good("intra_inter", emb.intra_inter, dict(x=m.x, y=m.y))
    yield Good("separation", emb.separation, dict(x=m.x, y=m.y))
    yield Good("mmd", emb.mmd, dict(xs=m.x, xt=m.x + 1, width=1.))
    yield Good("domain_distance", emb.domain_distance, dict(xs=m.x, xt=m.x + 1, seed=0))
    yield Good("project", emb.project, dict(run=m.run, method="pca", seed=0))
    yield Good("embed", emb.embed, dict(model=m.model, x=m.photos, batch=4))
    yield Good("record", emb.record, dict(steps=[], watch=(m.photos, m.y), every=3, class_names=["a", "b", "c"], minority=[0], recipe={}, seed=0))

def digits(m):
    labels = torch.arange(10).repeat_interleave(40)
    images = torch.zeros(400, 28, 28, dtype=torch.uint8)
    yield Good("load_digits", wm.load_digits, dict(train=True, download="MNIST"))
    yield Good("load_digits of a folder", wm.load_digits, dict(root="no such folder"))
    yield Good("read_idx", wm.read_idx, dict(path="no such", ndim=1))
    yield Good("wild_counts", wm.wild_counts, dict(profile="mild", majority=30, num_classes=10, ratio=10.))
    yield Good("minority_classes", wm.minority_classes, dict(counts=[3, 2, 9]))
    yield Good("wild_subset", wm.wild_subset, dict(labels=labels, counts=[3] * 10, seed=0))
    yield Good("to_input", wm.to_input, dict(images=torch.zeros(2, 28, 28, dtype=torch.uint8), size=14))
    yield Good("wild_figure", wm.wild_figure, dict(images=images, labels=labels, counts=[3] * 10, seed=0, names=list("abcdefghij")))

def drawn_faces(m):
    yield Good("check_au", fa.check_au, dict(au=m.au))
    yield Good("sample_identity", fa.sample_identity, dict(seeds=[1, 2]))
    yield Good("People", fa.People, dict(male=.5, age=(0., .9), beard=.5, makeup=.5, spread=.2))
    yield Good("FaceRenderer", fa.FaceRenderer, dict(size=16, samples=1))
    scene = fa.DOMAINS["lab_color"].sample([1])
    yield Good("FaceRenderer()", fa.FaceRenderer(16, 1), dict(au=m.au, identity=m.who, scene=scene, size=16))
    yield Good("render", fa.render, dict(au=m.au, identity=m.who, domain="lab_color", size=16, seed=0))
    yield Good("Domain.sample", fa.DOMAINS["lab_color"].sample, dict(seeds=[1, 2]))
    yield Good("picture_distance", fa.picture_distance, dict(a=torch.rand(1, 3, 16, 16), b=torch.rand(1, 3, 16, 16)))
    yield Good("analysis_by_synthesis", fa.analysis_by_synthesis, dict(draw=lambda x: x * torch.rand(1, 3, 16, 16), target=torch.rand(1, 3, 16, 16),
                                                                       start=torch.ones(1, 1, 1, 1), low=0., high=2., steps=1, rate=.1))
    yield Good("au_distribution", fa.au_distribution, dict(emotion="fear"))
    yield Good("au_figure", fa.au_figure, dict(emotions=["fear"]))
    yield Good("sample_au", fa.sample_au, dict(emotions=["fear"], people=[1], seeds=[1]))
    yield Good("Faces", fa.Faces, dict(domain="lab_color", split="train", size=16, people=10, pictures=4, emotions=["fear"], seed=0))
    yield Good("sheet", fa.sheet, dict(images=torch.rand(1, 3, 16, 16), rows=["a"], columns=["b"]))
    yield Good("contact_sheet", fa.contact_sheet, dict(emotions=["fear"], domains=["lab_color"], size=16, seed=0))
    yield Good("load_faces", fa.load_faces, dict(domain="lab_color", split="train"))
    yield Good("load_faces of a folder", fa.load_faces, dict(domain="lab_color", path="no such"))
    yield Good("matrix_figure", fa.matrix_figure, dict(rows=[{"domain": "lab_color", **dict.fromkeys(fa.DOMAINS, .5)}]))
    yield Good("displacement", fa.displacement, dict(au=m.au))
    yield Good("explain", fa.explain, dict(name="AU12", domain="lab_color"))
    yield Good("expression_figure", fa.expression_figure, dict(au=m.au, domain="lab_color"))
    yield Good("Sitting", fa.Sitting, dict(au=m.au, identity=m.who, domain="lab_color"))
    yield Good("rotation", fa.rotation, dict(pose=torch.zeros(1, 3)))

def photos(m):
    yield Good("similarity", pre.similarity, dict(source=m.points, target=m.points + 1))
    yield Good("transform", pre.transform, dict(matrix=torch.eye(2, 3), points=m.points))
    yield Good("reference_points", pre.reference_points, dict(size=32, margin=.1))
    yield Good("warp", pre.warp, dict(image=m.image, matrix=torch.eye(2, 3), size=32))
    yield Good("five_points", pre.five_points, dict(landmarks=torch.rand(68, 2)))
    yield Good("align", pre.align, dict(image=m.image, landmarks=m.points, size=32, margin=.1))
    yield Good("crop", pre.crop, dict(image=m.image, box=torch.tensor([10., 10., 50., 50.]), size=32, margin=.1))
    yield Good("rescale", pre.rescale, dict(image=m.image, size=32))
    yield Good("normalize", pre.normalize, dict(image=m.image, how="plane"))
    yield Good("ten_crops", pre.ten_crops, dict(image=m.image, size=32))
    yield Good("augment", pre.augment, dict(images=m.image[None], size=32))
    yield Good("to_gray", pre.to_gray, dict(image=m.image))
    yield Good("Detector", pre.Detector, dict(min_size=40, thresholds=[.6, .7, .7], longest=1024))
    yield Good("detect", pre.detect, dict(image=m.image, min_size=60, thresholds=[.99, .99, .99], longest=64))
    yield Good("faces_figure", pre.faces_figure, dict(images=[m.image], faces=[[]], height=1.))
    yield Good("show", pre.show, dict(images=[m.image], titles=["a"], height=1.))
    yield Good("read_image", pre.read_image, dict(path="no such"))
    yield Good("open_picture", open_picture, dict(path="no such"))
    yield Good("read_manifest", pre.read_manifest, dict(out="no such"))
    yield Good("preprocess", lambda **words: pre.preprocess("no such", "no such either", **words),
               dict(size=32, margin=.1, landmarks=5, gray=False, min_size=40, longest=1024, workers=1, progress=False))
    yield Good("preprocess of a folder", pre.preprocess, dict(folder="no such", out="no such either"))
    yield Good("landmarks68", pre.landmarks68, dict(image=m.image, faces=[]))
    yield Good("take_photographs", pre.take_photographs, dict(camera="phone", split="test", people=1, seed=0))
    yield Good("prepare", pre.prepare, dict(images=m.image[None], found=[[]], way="box", size=32, margin=.1))
    yield Good("shoot", pre.shoot, dict(person=4, emotion="fear", turn=5., size=.3, across=.1, light=20., exposure=1., camera="phone", company=False, side=32))
    yield Good("desk_picture", pre.desk_picture, dict(image=m.image, threshold=.7, min_size=40))
    yield Good("steps_figure", pre.steps_figure, dict(image=m.image, size=32, margin=.1, min_size=20, threshold=.7))

def folders(m):
    from fer_nb import datasets as ds
    names = dict(paths=["a.png", "b.png"], targets=[0, 1], name="x", classes=["a", "b"], subjects=["p", "q"], splits=["train", "test"],
                 target="label", mode="RGB", aus=torch.zeros(2, 18), soft=torch.eye(2))
    yield Good("FaceFolder", FaceFolder, names)
    yield Good("FaceFolder.subset", m.faces.subset, dict(indices=[0, 1]))
    yield Good("FaceFolder.split", m.faces.split, dict(name="train"))
    yield Good("FaceFolder.picture", m.faces.picture, dict(i=0))
    yield Good("FaceFolder.check", m.faces.check, dict(workers=0))
    yield Good("FaceFolder.describe", m.faces.describe, dict(columns=2))
    yield Good("sample_figure", sample_figure, dict(data=m.faces, columns=2))
    yield Good("split_by_subject", split_by_subject, dict(data=m.faces, fractions=(.5, .5), seed=0))
    yield Good("find_duplicates", ds.find_duplicates, dict(data=m.faces, most=16, workers=0))
    yield Good("fingerprint", ds.fingerprint, dict(picture=Image.new("L", (8, 8))))
    yield Good("recognize", ds.recognize, dict(root="no such"))
    yield Good("FaceFolder.visit", m.faces.visit, dict(workers=0))
    for read in (ds.kdef, ds.ckplus, ds.jaffe, ds.tfeid, ds.mmi, ds.rafdb, ds.rafdb_compound, ds.affectnet, ds.fer2013, ds.ferplus, ds.emotionet, ds.unlabeled):
        own = {"kdef": dict(views=["S"]), "ckplus": dict(peaks=1), "rafdb": dict(image="aligned"), "emotionet": dict(target="au"), "ferplus": dict(target="soft")}
        yield Good(read.__name__, functools.partial(read), dict(root="no such", **own.get(read.__name__, {})))

def lists(m):
    row = papers.Recipe(majority=15, epochs=1, batch_size=64, size=12, width=.02)
    yield Good("interval", tab.interval, dict(differences=[.1, .2, .3], level=.95))
    yield Good("paired", tab.paired, dict(a={0: 1., 1: 2.}, b={0: 1., 1: 1.}, level=.95))
    yield Good("seeds_needed", tab.seeds_needed, dict(differences=[.1, .2, .3], power=.8, level=.95))
    yield Good("spread", tab.spread, dict(values=[1., 2.], digits=1))
    yield Good("markdown", tab.markdown, dict(lines=[["a", "b"], [1, 2]]))
    yield Good("fill", tab.fill, dict(jobs={"a": (1,)}, work=lambda n: {"n": n}, workers=1, unit="run", progress=False))
    yield Good("Recipe", papers.Recipe, dict(loss="dda", profile="mild", majority=30, seed=0, epochs=3, lr=.1, lam=.1, gamma=1., alpha=.5, scaling="paper",
                                             centers="rule", s=8., width=.1, size=14, batch_size=8, clip=5., schedule="cosine"))
    yield Good("wild_data", papers.wild_data, dict(r=row, watch=5))
    yield Good("papers.build", papers.build, dict(r=row, num_classes=10))
    yield Good("label", papers.label, dict(r=row))
    yield Good("preset", papers.preset, dict(name="lab", losses=("dda",)))
    yield Good("compare", papers.compare, dict(recipes=[row], seeds=1, part="test", workers=1, progress=False))
    yield Good("papers.train", papers.train, dict(r=row, part="test", threads=1))
    yield Good("papers.table", papers.table, dict(rows=[{"loss": "softmax", "gamma": 1., "diverged": 3, "seed": 0}]))
    yield Good("papers.paired", papers.paired, dict(rows=[{"loss": "softmax", "gamma": 1., "diverged": 3, "seed": 0}], heads=("linear",)))
    yield Good("read_rows", papers.read_rows, dict(path="no such"))
    yield Good("class_means", papers.class_means, dict(model=m.model, x=m.photos, y=m.y, num_classes=3, batch_size=4))
    yield Good("movie_path", papers.movie_path, dict(out="runs", r=row))
    yield Good("recording", papers.recording, dict(recipe=row, every=20))
    yield Good("find", rep.find, dict(name="003-table-1"))
    yield Good("reproduce.show", rep.show, dict(name="003-table-1"))
    yield Good("reproduce.run", lambda **words: rep.run("003-table-1", **words), dict(seeds=1, scale="smoke", jobs=1, part=(9, 10), progress=False), ("progress",))
    yield Good("Training", rep.Training, dict(sets=("lab_color",), loss="softmax", unlabeled=(), network="resnet18", feat_dim=3, lam=.1, gamma=.1, clamp=1.,
                                              weights="imagenet", epochs=3, batch=4, lr=.1, adam=False, decay=1., every=1, size=32))
    table = dict(rows=[dict(method="softmax", seed=0, linear=90.)], printed={"softmax": 91.}, readouts={"linear": "head"})
    yield Good("beside", rep.beside, table)
    yield Good("told_apart", rep.told_apart, table)
    yield Good("at_scale", rep.at_scale, dict(t=m.training, scale="lab"))
    yield Good("sizing", rep.sizing, dict(t=m.training, pictures={"rafdb": 100}))
    yield Good("reproduce.build", rep.build, dict(t=m.training, classes=7))
    yield Good("describe", recipes.describe, dict(settings=row))
    yield Good("from_row", recipes.from_row, dict(cls=papers.Recipe, row={"loss": "dda"}))
    yield Good("data_file", files.data_file, dict(name="no such"))
    for write, content in ((files.write_whole, "data"), (files.append_line, "row"), (files.write_csv, "rows")):
        value = {"data": "text", "row": {"a": 1}, "rows": [{"a": 1}]}[content]
        yield Good(write.__name__, write, {"path": "/dev/null", content: value})
    yield Good("read_lines", files.read_lines, dict(path="no such"))
    yield Good("read_csv", files.read_csv, dict(path="no such"))
    yield Good("make_folder", files.make_folder, dict(path="/tmp"))
    yield Good("color", plots.color, dict(k=3))
    yield Good("figure", plots.figure, dict(width=2., height=2., rows=1, columns=1, dpi=80))
    yield Good("principal_axes", plots.principal_axes, dict(x=m.x.numpy(), d=2))
    yield Good("similarity_text", sep.similarity_text, dict(tables={"a": sep.similarity_table(m.x, m.y, m.c)}, class_names=["a", "b", "c"]))
    yield Good("similarity_figure", sep.similarity_figure, dict(run=m.run))
    yield Good("carousel", sep.carousel, dict(c=m.c, steps=2, alpha=.5))
    yield Good("contested", ang.contested, dict(weight=m.c, s=8., m=.2, monotone=True, steps=12))
    yield Good("true_centers", sep.true_centers, dict(x=m.x, y=m.y, num_classes=3))
    yield Good("forces", ce.forces, dict(loss=ce.center_loss, x=m.x, y=m.y, c=m.c))
    yield Good("force_field", ce.force_field, dict(terms={"a": ce.center_loss}, c=m.c, y=1, grid=5))

def views(m):
    from fer_nb import widgets as wi
    yield Good("Slider", wi.Slider, dict(name="a", label="b", min=0., max=1., step=.1, value=.5))
    yield Good("Slider.read", wi.Slider("a", "b", 0, 1, .1, .5).read, dict(value=.5))
    yield Good("Surprise", wi.Surprise, dict(name="a", settings={"a": 1}, why="b"))
    yield Good("Choice", wi.Choice, dict(name="a", label="b", options=["x", "y"], value="x"))
    yield Good("Choice.read", wi.Choice("a", "b", ["x", "y"], "x").read, dict(value="x"))
    yield Good("theatre", wi.theatre, dict(source=m.run, play=False))
    yield Good("race", wi.race, dict(source=[m.run], play=False))
    yield Good("race of settings", wi.race, dict(source=lambda **words: m.run, panels=[{}], controls=[wi.Slider("a", "b", 0, 1, .1, .5)], play=False))
    yield Good("Theatre.goto", wi.theatre(m.run, play=False).goto, dict(frame=0))
    yield Good("frame_block", wi.frame_block, dict(run=m.run, i=0))
    yield Good("run_blocks", wi.run_blocks, dict(runs=[m.run]))

def domains(m):
    from fer_nb import adaptation as ad
    from fer_nb.backbones import Output
    out = Output(m.x, torch.zeros(len(m.x), 3))
    model = nn.Sequential(nn.BatchNorm1d(m.x.shape[1]))
    seen = ad.Seen(out, out, m.y, out)
    yield Good("coral", ad.coral, dict(xs=m.x, xt=m.x))
    yield Good("mmd_loss", ad.mmd_loss, dict(xs=m.x, xt=m.x, widths=[1.]))
    yield Good("entropy", ad.entropy, dict(logits=out.logits))
    yield Good("MMD", ad.MMD, dict(widths=[1.]))
    yield Good("DomainObjective", ad.DomainObjective, dict(coral=ad.Coral(), entropy=(ad.Entropy(), 1.)))
    yield Good("digits_of", ad.digits_of, dict(name="optdigits", train=False))
    yield Good("DigitCNN", ad.DigitCNN, dict(classes=3, feat_dim=4))
    yield Good("adapt_norms", ad.adapt_norms, dict(model=model, inputs=m.x, batch_size=4))
    yield Good("soft_neighborhood_density", ad.soft_neighborhood_density, dict(seen=seen, temperature=.05))
    yield Good("weighted_accuracy", ad.weighted_accuracy, dict(seen=seen, bandwidth=1.))

GROUPS = (losses, arena, adaptation, domains, margins, networks, sources, trainings, recordings, digits, drawn_faces, photos, folders, lists, views)

def good_calls(): return [good for group in GROUPS for good in group(material())]


ANYWHERE = { # arguments that mean the same everywhere, and what is good there
    "a text is a path": ({"path", "out", "checkpoint", "data"}, {"unknown"}), "any text": ({"unit", "label", "data"}, {"unknown", "empty"}),
    "any number": ({"ignore_index"}, {"far below"}), "none of them": ({"minority", "controls", "rows", "hidden"}, {"nothing in it"}),
    "anything has a name": ({"class_names", "names", "titles"}, {"strange inside"}), "looked at when it is asked for": ({"steps"}, {"nothing in it", "strange inside", "NaN inside"}),
}
MAY_PASS = { # spoiled, and yet good
    "entropy": {"logits": "nothing in it"}, "Surprise": {"name": "unknown", "why": "unknown"},
    "grad_reverse": {"x": "one axis more, a single number, nothing in it"}, "clamped_domain_loss": {"limit": "infinite"}, "au_name": {"au": "a number"},
    "PseudoEmotions()": {"au": "nothing in it"}, "PseudoEmotions.classes": {"au": "nothing in it"}, "LeNetsPP()": {"images": "nothing in it"},
    "layer_table": {"images": "nothing in it"}, "signal_spread": {"images": "nothing in it"}, "receptive_field": {"layers": "nothing in it"},
    "Batches": {"x": "one axis more, complex"}, "as_source": {"batches": "strange inside"}, "fit(checkpoint=)": {"checkpoint": "None"},
    "Run": {"seed": "far below"}, "record": {"seed": "far below"}, "Run.add": {"grad_norm": "NaN, infinite"}, "quantise": {"x": "nothing in it"},
    "intra_inter": {"y": "far too large"}, "separation": {"y": "far too large"}, "embed": {"x": "nothing in it"}, "to_input": {"images": "nothing in it"},
    "check_au": {"au": "nothing in it"}, "analysis_by_synthesis": {"start": "one axis more, a single number", "low": "infinite, truth", "high": "infinite, truth"},
    "au_distribution": {"emotion": "a number"}, "rotation": {"pose": "nothing in it"}, "similarity": {"source": "one axis more", "target": "one axis more"},
    "transform": {"matrix": "one axis more, nothing in it", "points": "one axis more, nothing in it"}, "rescale": {"image": "one axis more"},
    "normalize": {"image": "one axis more"}, "ten_crops": {"image": "one axis more"}, "to_gray": {"image": "one axis more"},
    "landmarks68": {"faces": "nothing in it"}, "FaceFolder": {"name": "unknown, empty"}, "interval": {"differences": "nothing in it"},
    "seeds_needed": {"differences": "nothing in it"},
    "spread": {"values": "nothing in it, NaN inside"}, "papers.paired": {"heads": "nothing in it"}, "Training": {"unlabeled": "nothing in it"},
    "carousel": {"c": "nothing in it"}, "color": {"k": "far below"}, "contested": {"weight": "complex"},
}

def may_pass(good, argument, words):
    known = any(argument in names and words in kinds for names, kinds in ANYWHERE.values())
    return known or words in MAY_PASS.get(good.name, {}).get(argument, "").split(", ")
