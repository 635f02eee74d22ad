"AdaBN: the statistics of all images, and nothing else."
import pytest, torch

from fer_nb.adaptation import DigitCNN, adapt_norms


def test_norms_take_the_statistics_of_all_images_and_nothing_else_changes():
    model = DigitCNN(3, 8)
    x, weights = 3 * torch.randn(64, 1, 14, 14) + 1, {k: v.clone() for k, v in model.named_parameters()}
    model.train()
    assert adapt_norms(model, x) is model and model.training
    first = model.features[1]
    with torch.no_grad(): seen = model.features[0](x)
    torch.testing.assert_close(first.running_mean, seen.mean((0, 2, 3)))
    torch.testing.assert_close(first.running_var, seen.var((0, 2, 3)))
    assert first.momentum == .1 and all(v.equal(weights[k]) for k, v in model.named_parameters())
    adapt_norms(model, (part for part in x.split(16)))
    torch.testing.assert_close(first.running_mean, seen.mean((0, 2, 3)))

def test_an_input_that_does_not_fit_changes_nothing():
    model = DigitCNN(3, 8)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with pytest.raises(ValueError, match="inputs: expected what the model can take"): adapt_norms(model, [torch.randn(4, 1, 14, 14), torch.randn(4, 2, 14, 14)])
    with pytest.raises(ValueError, match='inputs: expected at least one'): adapt_norms(model, [])
    with pytest.raises(ValueError, match='model: expected batch normalization'): adapt_norms(torch.nn.Linear(1, 1), torch.zeros(2, 1))
    assert all(v.equal(before[k]) for k, v in model.state_dict().items())
