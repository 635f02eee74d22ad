"""Losses for unequal classes that came after the papers, each from its own paper's equation.

`adjustment`: logit adjustment. `weights`: class-balanced, focal, deferred. `margins`: LDAM and
CosFace. `contrastive`: supervised contrastive, balanced. `simplex`: fixed directions, ring loss."""
from .adjustment import (LogitAdjustedLoss, PlainLoss, class_counts, cross_entropies,
                         logit_adjusted_loss, read_table)
from .contrastive import (BalancedContrastiveLoss, SupConLoss, balanced_contrastive_loss,
                          supcon_loss)
from .margins import CosFaceLoss, LDAMLoss, MarginLoss, ldam_margins, margin_loss
from .simplex import (DotRegressionLoss, RingLoss, dot_regression_loss, even_directions,
                      ring_loss)
from .weights import (DeferredWeights, FocalLoss, class_balanced_weights, effective_number,
                      focal_loss)

__all__ = [
    "BalancedContrastiveLoss", "CosFaceLoss", "DeferredWeights", "DotRegressionLoss", "FocalLoss",
    "LDAMLoss", "LogitAdjustedLoss", "MarginLoss", "PlainLoss", "RingLoss", "SupConLoss",
    "balanced_contrastive_loss", "class_balanced_weights", "class_counts", "cross_entropies",
    "dot_regression_loss", "effective_number", "even_directions", "focal_loss", "ldam_margins",
    "logit_adjusted_loss", "margin_loss", "read_table", "ring_loss", "supcon_loss"]
