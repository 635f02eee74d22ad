"""Your own face before a reader of action units: measured, calibrated, adapted, followed.

`clip`: a film with true action units that plays the camera's part. `reader`: from frame to
intensities, and a person's zero. `adapting`: what frames without labels do for it. `twin`: a
drawn head that does what was read. `booth`: camera, video, photographs or clip before it."""
from .clip import PARTS, REST, WEBCAM, Clip, clip_figure, envelope, take_clip
from .reader import (Intensities, Lessons, Zero, calibrate, cut_face, difference_head, face_crops,
                     lessons, load_reader, look, prepared, read, read_from_zero, train_reader)
from .adapting import PRESENT, WAYS, adapt, agreement, agreement_figure, au_correlation
from .twin import Fit, draw_twin, fit_twin
from .booth import Booth, booth_figure, own_face

__all__ = ["Booth", "Clip", "Fit", "Intensities", "Lessons", "PARTS", "PRESENT", "REST", "WAYS",
           "WEBCAM", "Zero", "adapt", "agreement", "agreement_figure", "au_correlation",
           "booth_figure", "calibrate", "clip_figure", "cut_face", "difference_head", "draw_twin",
           "envelope", "face_crops", "fit_twin", "lessons", "load_reader", "look", "own_face",
           "prepared", "read", "read_from_zero", "take_clip", "train_reader"]
