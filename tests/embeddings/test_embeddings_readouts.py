"What a frame says about a place: by its head, its centers, or the class means."
import numpy as np

import fer_nb.embeddings as E
from fer_nb.embeddings import Run


def test_regions_are_the_heads_and_else_the_nearest_centers():
    run, z = Run([0, 1, 2]), np.array([[2., 0], [0, 3], [-1, -1]])
    head, bias, c = np.array([[1., 0], [0, 1], [-1, -1]]), np.array([0., 5, 0]), np.array([[9., 9], [2, 0], [-1, -2]])
    run.add(1, np.zeros((3, 2)), [0, 0, 0], head=head, bias=bias, centers=c)
    assert E.regions(run, 0, z).tolist() == (z @ head.T + bias).argmax(1).tolist() == [1, 1, 1]
    run.head = []
    assert E.regions(run, 0, z).tolist() == [1, 1, 2]
    run.centers = []
    assert E.regions(run, 0, z) is None

def test_pictures_and_accuracy_follow_the_readout():
    run = E.Run([0, 0, 1, 1])
    z = np.array([[1, 0], [2, 0], [4, 0], [5, 0]], np.float32)
    run.add(1, z, [1, 1, 1, 1], centers=np.array([[1, 0], [4, 0]], np.float32), head=np.array([[1, 0], [4, 0]], np.float32))
    assert run.accuracy() == .5 and E.recalls(run, 0).tolist() == [0, 1]          # the linear head says 1 everywhere
    run.readout = "center"
    assert run.accuracy() == 1 and E.recalls(run, 0).tolist() == [1, 1]
    assert E.regions(run, 0, z).tolist() == [0, 0, 1, 1]

def test_without_centers_the_nearest_class_mean_reads():
    run = E.Run([0, 0, 1, 1], class_names=list("abc"))
    z = np.array([[1, 0], [2, 0], [4, 0], [8, 0]], np.float32)           # means 1.5 and 6, the border at 3.75
    run.add(1, z, [1, 1, 1, 1])
    run.readout = "center"
    assert E.regions(run, 0, np.array([[3.7, 9], [3.8, 9]])).tolist() == [0, 1]    # never c, which has no points
    assert run.accuracy() == 1 and np.isnan(E.recalls(run, 0)[2])
    assert "100.0% correct by nearest class mean" in run.figure().axes[0].get_title()
