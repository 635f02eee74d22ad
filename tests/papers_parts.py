"What the tests of fer_nb.papers share."
import json

TINY = dict(majority=40, epochs=1, width=0.1)  # a training of about 0.1 s
DIVERGES = dict(lr=1e9, clip=None)


def same(a, b): return json.dumps(a) == json.dumps(b)  # NaN equals NaN
