"Make two domains look alike, and choose the strength without a label of the target."
from .digits import DIGIT_SETS, DigitCNN, digits_of
from .distances import MMD, Coral, DomainObjective, Entropy, coral, entropy, mmd_loss
from .norms import adapt_norms
from .scorers import (SCORERS, Seen, chosen, information, negative_dev_risk, negative_entropy,
                      scores_without_labels, see, soft_neighborhood_density, source_accuracy,
                      weighted_accuracy)

__all__ = ["Coral", "DIGIT_SETS", "DigitCNN", "DomainObjective", "Entropy", "MMD", "SCORERS",
           "Seen", "adapt_norms", "chosen", "coral", "digits_of", "entropy", "information",
           "mmd_loss", "negative_dev_risk", "negative_entropy", "scores_without_labels", "see",
           "soft_neighborhood_density", "source_accuracy", "weighted_accuracy"]
