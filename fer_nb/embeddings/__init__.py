"Record what a training does to the embedding space, then keep it, measure it, make it a movie."
from ..plots import PALETTE
from .archive import FORMAT, TEXT
from .measures import (DomainDistance, Similarity, domain_distance, intra_inter, mmd, separation)
from .page import BUDGET, PAGE, pack, payload, to_page
from .pictures import GRAY, _png, figures  # noqa: F401
from .projections import METHODS, project
from .recorder import embed, record
from .readouts import recalls, regions
from .run import PER_FRAME, Run, add_frame, meta, quantise, snapshot, versions

__all__ = [
    "BUDGET", "DomainDistance", "FORMAT", "GRAY", "METHODS", "PAGE", "PALETTE", "PER_FRAME", "Run",
    "Similarity", "TEXT", "add_frame", "domain_distance", "embed", "figures", "intra_inter", "meta",
    "mmd", "pack", "payload", "project", "quantise", "recalls", "record", "regions", "separation",
    "snapshot", "to_page", "versions"]
