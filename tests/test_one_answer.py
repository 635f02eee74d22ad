"What every room must answer alike: what a whole number is, and that looking at a model changes nothing."
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from fer_nb import angular_softmax, backbones, batches, centers, dda, embeddings, faces, grl, large_margin, papers, preprocessing, separate_loss, training, wmnist
from fer_nb.reproduce import measure

x = torch.zeros(4, 1, 14, 14)
ENTRANCES = {
    "wmnist.wild_counts(majority)": lambda n: wmnist.wild_counts("balanced", n),
    "faces.FaceRenderer(size)": lambda n: faces.FaceRenderer(n),
    "faces.Faces(people)": lambda n: faces.Faces("lab_color", people=n),
    "faces.sample_identity(seed)": lambda n: faces.sample_identity([n]),
    "preprocessing.rescale(size)": lambda n: preprocessing.rescale(torch.zeros(3, 20, 20), n),
    "backbones.LeNetsPP(num_classes)": backbones.LeNetsPP,
    "backbones.LabCNN(num_classes)": backbones.LabCNN,
    "batches.Batches(batch_size)": lambda n: batches.Batches(x, batch_size=n),
    "batches.BalancedSampler(per_domain)": lambda n: batches.BalancedSampler([20], n),
    "batches.BalancedBatches(per_domain)": lambda n: batches.BalancedBatches({"a": (x, torch.arange(4))}, n),
    "centers.CenterLoss(num_classes)": lambda n: centers.CenterLoss(n, 2),
    "centers.IslandLoss(feat_dim)": lambda n: centers.IslandLoss(3, n),
    "dda.DDALoss(num_classes)": lambda n: dda.DDALoss(n, 2),
    "separate_loss.SeparateLoss(num_classes)": lambda n: separate_loss.SeparateLoss(n, 2),
    "angular_softmax.AngularSoftmax(num_classes)": lambda n: angular_softmax.AngularSoftmax(2, n),
    "large_margin.class_centroids(num_classes)": lambda n: large_margin.class_centroids(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), n),
    "large_margin.LargeMarginLoss(num_classes)": lambda n: large_margin.LargeMarginLoss(n, 2),
    "grl.DomainClassifier(num_domains)": lambda n: grl.DomainClassifier(8, n),
    "papers.Recipe(epochs)": lambda n: papers.Recipe(epochs=n),
    "embeddings.record(every)": lambda n: embeddings.record(iter(()), (x, torch.zeros(4, dtype=torch.long)), n),
    "training.fit(epochs)": lambda n: training.fit(backbones.LeNetsPP(4, 2, .1, 14), training.Objective(), batches.Batches(x, torch.arange(4)), n),
}
entrance = pytest.mark.parametrize("enter", ENTRANCES.values(), ids=ENTRANCES)


@entrance
@pytest.mark.parametrize("n", [16, np.int64(16), np.uint8(16), torch.tensor(16)], ids=lambda n: type(n).__name__)
def test_any_whole_number_is_taken(enter, n): enter(n)

@entrance
@pytest.mark.parametrize("n", [True, 16., "16", None, [16], -1], ids=repr)
def test_nothing_else_is(enter, n):
    with pytest.raises(ValueError, match="expected .*, got ") as caught: enter(n)
    assert type(caught.value) is ValueError


images, labels, domains = torch.randn(24, 1, 64, 64), torch.arange(24) % 7, torch.arange(24) % 2

def objective(): return grl.DomainAdversarial(grl.DomainClassifier(64), alpha=None)

def moments(model):
    steps = training.fit(model, objective(), batches.Batches(images, labels, domains, batch_size=12), 1)
    next(iter(grl.moments(steps, (images, labels, domains))))

LOOKS = {
    "embeddings.embed": lambda m: embeddings.embed(m, images),
    "training.evaluate": lambda m: training.evaluate(m, images, labels),
    "reproduce.measure": lambda m: measure(m, TensorDataset(images, labels), 7),
    "papers.class_means": lambda m: papers.class_means(m, images, labels, 7),
    "grl.doctor": lambda m: grl.doctor(m, objective(), (images, labels, domains)),
    "grl.moments": moments,
}

@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_a_frozen_batch_norm_stays_frozen(look):
    torch.manual_seed(0)
    model = backbones.LabCNN().train()
    for layer in model.modules():
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)): layer.eval()
    before = [part.training for part in model.modules()]
    look(model)
    assert [part.training for part in model.modules()] == before and any(before) and not all(before)
