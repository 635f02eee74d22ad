"""A second classifier tells where a picture comes from; the features learn to leave it guessing.

`reversal`: mirror, schedule, clamp, objective. `looks`: watching a training. `doctor`: its ills;
`loops`: watching somebody else's loop."""
from .reversal import (Adversary, DomainAdversarial, DomainClassifier, GradientReversal,
                       clamped_domain_loss, factor, grad_reverse)
from .looks import Moment, adversary_figure, moments
from .doctor import ADVICE, Diagnosis, Finding, doctor
from .curves import Curves, read_curves
from .loops import Watched, watch

__all__ = ["ADVICE", "Adversary", "Curves", "Diagnosis", "DomainAdversarial", "DomainClassifier",
           "Finding", "GradientReversal", "Moment", "Watched", "adversary_figure",
           "clamped_domain_loss", "doctor", "factor", "grad_reverse", "moments", "read_curves",
           "watch"]
