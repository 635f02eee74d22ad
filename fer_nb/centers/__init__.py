"""Every class gets a point of its own; samples are drawn to it, and it follows them.

`loss`: center and island loss, and the module whose centers move. `field`: where a loss pushes."""
from .loss import (CenterLoss, CenterOptions, IslandLoss, LossOptions, MovingCenters, center_delta,
                   center_loss, center_sums, class_sums, damped_mean, island_delta, island_loss,
                   read_batch)
from .field import force_field, forces

__all__ = ["CenterLoss", "CenterOptions", "IslandLoss", "LossOptions", "MovingCenters",
           "center_delta", "center_loss", "center_sums", "class_sums", "damped_mean",
           "force_field", "forces", "island_delta", "island_loss", "read_batch"]
