"""A walk of a lossy model with chosen samples."""


def walk(model, net, params, x, sample):
    """(priors, posteriors, picture) with z = loc + sample * scale of the posterior."""
    priors, posteriors = [], []

    def draw(layer, prior, hidden):
        loc, log_scale = model.posterior(net, layer.params, hidden, layer.context)
        priors.append(prior)
        posteriors.append((loc, log_scale))
        return loc + sample * net.xp.exp(log_scale), None

    picture, _ = model.top_down(net, params, draw, len(x), x.shape[1:3], model.infer(net, params, x))
    return priors, posteriors, picture
