"Which domains arrive at the domain loss: in the batch, in its labels, on the way to the domain classifier, and back."
import pytest
import torch
import torch.nn.functional as F
from programs import CE, Net, critic, data, flip, sgd, train

from fer_nb.grl import doctor
from fer_nb.grl.domains import find_missing, find_one_label, find_one_sided


@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)

def names(found): return [f.name for f in found]

def one_sided(loss, net=None, batch=None, head=None):
    "What is found for a domain loss(head, z, d)."
    head, batch = head or critic(), batch or data()
    return find_one_sided(net or Net(), lambda batch, out: {"domain": loss(head, out[0], batch[2])}, batch, batch[2], ["domain"])

def only(z, d, which):
    "Samples of other domains have no way back."
    return torch.where((d == which)[:, None], z, z.detach())

@pytest.mark.parametrize("domains, known, found", [([0, 1, 1], 2, []), ([0, 0], 2, ["one domain only"]), ([1, 1], 0, ["one domain only"]), ([0, 2], 0, ["a domain is missing"]),
                                                   ([0, 1], 3, ["a domain is missing"]), ([0, 1], 0, [])])
def test_domains_of_the_batch(domains, known, found): assert names(find_missing(torch.tensor(domains), known)) == found

@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_one_label_for_all(outputs):
    z, d = torch.randn(30, outputs, requires_grad=True), torch.arange(30) % 2
    loss = F.cross_entropy if outputs > 1 else lambda z, d: F.binary_cross_entropy_with_logits(z[:, 0], d.float())
    for k in range(2): assert f"all 30 samples of the batch for domain {k}" in find_one_label(loss(z, torch.full_like(d, k)), z)[0].measured
    assert find_one_label(loss(z, d), z) == []

@pytest.mark.parametrize("kept", [0, 1])
def test_no_way_back_to_one_domain(kept):
    found, = one_sided(lambda head, z, d: CE(head(flip(only(z, d, kept))), d))
    assert found.name == "no gradient to the features" and f"domain {1 - kept}" in found.measured

@pytest.mark.parametrize("kept", [0, 1])
def test_one_domain_is_not_given(kept):
    found, = one_sided(lambda head, z, d: CE(head(flip(z[d == kept])), d[d == kept]))
    assert found.name == "one domain only" and f"domain {1 - kept}" in found.measured

def each(head, z, d, detach=()):
    "A call for each domain."
    return sum(CE(head(flip(z[d == k].detach() if k in detach else z[d == k])), d[d == k]) for k in (0, 1))

def test_a_call_for_each_domain():
    assert one_sided(each) == []
    assert names(one_sided(lambda *given: each(*given, detach=[1]))) == ["no gradient to the features"]

def test_a_domain_of_three():
    found, = one_sided(lambda head, z, d: CE(head(flip(torch.where((d == 2)[:, None], z.detach(), z))), d), batch=data(domains=3), head=critic(3))
    assert "domain 2" in found.measured

def test_samples_of_no_domain_are_not_missed():
    x, y, d = data()
    unknown = torch.arange(len(d)) % 3 == 0
    assert one_sided(lambda head, z, d: CE(head(flip(z[d >= 0])), d[d >= 0]), batch=(x, y, torch.where(unknown, -1, d))) == []

def test_a_program_that_calls_as_it_likes():
    "Whether the target is asked about depends on the pictures."
    def loss(head, z, d):
        source = CE(head(flip(z[d == 0])), d[d == 0])
        return source if z.detach().abs().max() < 3 else source + CE(head(flip(z[d == 1])), d[d == 1])
    assert one_sided(loss) == []

def test_a_turn_of_its_own_is_no_illness():
    "As in ADDA: the domain classifier learns on features that stand still, the target's features learn to be taken for the source's."
    assert one_sided(lambda head, z, d: CE(head(z.detach()), d) + .3 * CE(head(z[d == 1]), 1 - d[d == 1])) == []
    assert one_sided(lambda head, z, d: each(head, z, d, detach=[0, 1]) + .3 * CE(head(z[d == 1]), 1 - d[d == 1])) == []

def test_nothing_to_say_where_all_or_nobody_arrives():
    assert one_sided(lambda head, z, d: CE(head(flip(z)), d)) == []
    assert one_sided(lambda head, z, d: CE(head(z.detach()), d)) == []          # another finding says so
    x, y, d = data()
    assert one_sided(lambda head, z, d: CE(head(flip(z)), d), net=lambda x: Net()(x.float()), batch=((10 * x).long(), y, d)) == []

def test_a_domain_classifier_that_is_sure_is_none():
    "Its loss has no gradient at samples of which it is certain: only the ways count."
    def sure(head, z, d): return CE(1e4 * head(flip(z)), d)
    assert one_sided(sure) == []

def test_normalized_batches_are_left_alone():
    assert one_sided(lambda head, z, d: CE(head(flip(z)), d), net=Net(norm=True)) == []

@pytest.mark.parametrize("loss, name", [(lambda head, z, d: CE(head(flip(only(z, d, 0))), d), "no gradient to the features"), (lambda head, z, d: CE(head(flip(z[d == 0])), d[d == 0]), "one domain only"),
                                        (lambda head, z, d: CE(head(flip(z)), torch.zeros_like(d)), "one domain only")])
def test_the_doctor_says_so_and_nothing_else(loss, name):
    net, head, batch = Net(), critic(), data()
    def objective(batch, out):
        source = batch[2] == 0
        return {"cls": CE(out[1][source], batch[1][source]), "domain": loss(head, out[0], batch[2])}
    train(net, objective, batch, sgd(net, head))
    before = [p.clone() for p in net.parameters()]
    assert names(doctor(net, objective, batch)) == [name]
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters())) and all(p.grad is not None for p in net.classify.parameters())
