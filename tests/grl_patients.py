"A small network, pictures of two domains, and objectives to examine."
import torch
from torch import nn

from fer_nb.backbones import Output


class Small(nn.Module):
    def __init__(self, collapsed=False):
        super().__init__()
        self.features, self.classifier = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 8)), nn.Linear(8, 3)
        if collapsed: nn.init.zeros_(self.features[2].weight)

    def forward(self, x):
        x = self.features(x)
        return Output(x, self.classifier(x))


class Patient(nn.Module):
    def __init__(self, loss, outputs=2):
        super().__init__()
        self.head, self.loss = nn.Linear(8, outputs), loss

    def forward(self, batch, output): return {'domain': self.loss(self.head, output.embedding, batch[2])}


def pictures(gap=1.5, n=60):
    g = torch.Generator().manual_seed(0)
    x, d = torch.randn(2 * n, 2, generator=g), torch.arange(2).repeat_interleave(n)
    return x + gap * d[:, None], torch.arange(2 * n) % 3, d


def learn(model, objective, batch, steps=200, lr=.05, only=False):
    sgd = torch.optim.SGD([*([] if only else model.parameters()), *objective.parameters()], lr=lr)
    for _ in range(steps):
        sgd.zero_grad()
        sum(objective(batch, model(batch[0])).values()).backward()
        sgd.step()
