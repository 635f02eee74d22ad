"""Near your own class, far from all the others, and pictures without a label take part.

`loss`: the margin. `action_units`: names, F1, files. `pseudo_emotions`: classes made of them.
`semi_supervised`: the objective. `score_studio`: what tables and a network say to a face."""
from .loss import LargeMarginLoss, class_centroids, large_margin_loss
from .action_units import (EMOTIONET_AUS, SMALL_AUS, AUTable, au_name, f1_averages, f1_per_au,
                           f1_text, read_aus)
from .pseudo_emotions import PSEUDO_EMOTIONS, TABLES, PseudoClass, PseudoEmotions
from .semi_supervised import SemiSupervised
from .score_studio import score_figure, score_report, score_studio

__all__ = ["AUTable", "EMOTIONET_AUS", "LargeMarginLoss", "PSEUDO_EMOTIONS", "PseudoClass",
           "PseudoEmotions", "SMALL_AUS", "SemiSupervised", "TABLES", "au_name", "class_centroids",
           "f1_averages", "f1_per_au", "f1_text", "large_margin_loss", "read_aus", "score_figure",
           "score_report", "score_studio"]
