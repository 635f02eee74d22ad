"From a photograph to a face: find it, straighten it, bring it to size and to a common scale."
from ..pictures import ARCHIVES, MOST_PIXELS, PICTURES, read_image, show
from .alignment import (REFERENCE, align, crop, five_points, reference_points, similarity,
                        transform, warp)
from .detector import Detection, Detector, detect, faces_figure
from .folders import COLUMNS, FILMS, MANIFEST, SETTINGS, preprocess, read_manifest
from .images import IMAGENET, augment, normalize, rescale, ten_crops, to_gray
from .landmarks import FAN_FILE, FAN_SHA256, FAN_URL, landmarks68
from .photographs import (CAMERAS, WAYS, Photographs, desk_picture, photo_desk, prepare, shoot,
                          take_photographs)
from .steps import steps_figure

__all__ = ["ARCHIVES", "CAMERAS", "COLUMNS", "FAN_FILE", "FAN_SHA256", "FAN_URL", "FILMS",
           "IMAGENET", "MANIFEST", "MOST_PIXELS", "PICTURES", "REFERENCE", "SETTINGS", "WAYS",
           "Detection", "Detector", "Photographs", "align", "augment", "crop", "desk_picture",
           "detect", "faces_figure", "five_points", "landmarks68", "normalize", "photo_desk",
           "prepare", "preprocess", "read_image", "read_manifest", "reference_points", "rescale",
           "shoot", "show", "similarity", "steps_figure", "take_photographs", "ten_crops",
           "to_gray", "transform", "warp"]
