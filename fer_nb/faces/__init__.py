"Faces made of muscles: action units move a head, a camera looks, every pixel knows its muscles."
from .facs import ACTION_UNITS, AU_NAMES, SIDES, ActionUnit, smoothstep
from .head import check_au, Head
from .raster import (DISTANCE, rotation, turn, project, rasterize, GBuffer, corner_weights, gather,
    flow_gradient)
from .people import HAIR_STYLES, Identity, HairStyle, People, sample_identity
from .scenes import DOMAINS, Scene, Domain
from .hair import hair_shell
from .skin import shade
from .camera import photograph, develop
from .renderer import FaceRenderer, render, picture_distance, analysis_by_synthesis
from .expressions import (EMOTIONS, COMPOUND_EMOTIONS, EXPRESSIONS, Expression, au_distribution,
    au_figure, sample_au)
from .sets import (CHUNK, render_manifest, Faces, sheet, contact_sheet, FaceSet, load_faces,
    matrix_figure)
from .actions import displacement, explain, action_figure, expression_figure, _camera as _camera
from .studio import Sitting, studio, _widget as _widget
__all__ = ['ACTION_UNITS', 'AU_NAMES', 'SIDES', 'DISTANCE', 'ActionUnit', 'smoothstep', 'check_au',
    'Head', 'rotation', 'turn', 'project', 'rasterize', 'GBuffer', 'corner_weights', 'gather',
    'flow_gradient', 'HAIR_STYLES', 'Identity', 'HairStyle', 'People', 'sample_identity', 'DOMAINS',
    'Scene', 'Domain', 'hair_shell', 'shade', 'photograph', 'develop', 'FaceRenderer', 'render',
    'picture_distance', 'analysis_by_synthesis', 'EMOTIONS', 'COMPOUND_EMOTIONS', 'EXPRESSIONS',
    'Expression', 'au_distribution', 'au_figure', 'sample_au', 'CHUNK', 'render_manifest', 'Faces',
    'sheet', 'contact_sheet', 'FaceSet', 'load_faces', 'matrix_figure', 'displacement', 'explain',
    'action_figure', 'expression_figure', 'Sitting', 'studio']
