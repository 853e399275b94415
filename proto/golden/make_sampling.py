#!/usr/bin/env python3
"""Writes sampling.json beside itself: what the contract's sampling must give. See README.md."""

import json
import math
import pathlib
import random
import struct

MASK = 0xFFFFFFFF


def philox4x32_10(counter, key):
    """Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def uniform(seed, index, position):
    x = philox4x32_10((index, position, 0, 0), (seed & MASK, seed >> 32))
    return ((x[1] << 32 | x[0]) >> 11) * 2.0**-53


def kept_weights(logits, temperature, top_k, top_p):
    """Weights by token id of the tokens that top_k and top_p leave, and how near top_p was to a step."""
    scaled = [x / temperature for x in logits]
    order = sorted(range(len(logits)), key=lambda i: (-scaled[i], i))
    if top_k:
        order = order[:top_k]
    highest = scaled[order[0]]
    weights = {i: math.exp(scaled[i] - highest) for i in sorted(order)}
    margin = 1.0
    if 0 < top_p < 1:
        total = sum(weights.values())
        reached, kept = 0.0, []
        for i in order:
            kept.append(i)
            reached += weights[i] / total
            margin = min(margin, abs(reached - top_p))
            if reached >= top_p:
                break
        weights = {i: weights[i] for i in sorted(kept)}
    return weights, margin


def sample(logits, temperature, top_k, top_p, u):
    if temperature == 0:
        return max(range(len(logits)), key=lambda i: (logits[i], -i)), 1.0
    weights, margin = kept_weights(logits, temperature, top_k, top_p)
    total, reached, token = sum(weights.values()), 0.0, None
    for i, weight in weights.items():
        reached += weight
        margin = min(margin, abs(reached / total - u))
        if token is None and reached > u * total:
            token = i
    return token, margin


def case(name, logits, temperature=1.0, top_k=0, top_p=0.0, u=0.5):
    token, _ = sample(logits, temperature, top_k, top_p, u)
    return dict(name=name, logits=logits, temperature=temperature, top_k=top_k, top_p=top_p, uniform=u, token=token)


def float32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def cases_on_a_step():
    equal = [1.5] * 4
    last = 1 - 2.0**-53
    yield case("greedy, the lower id of equals", [0.0, 2.0, 2.0, -1.0], temperature=0, u=last)
    yield case("greedy ignores top_k and top_p", [0.0, 1.0, 2.0], temperature=0, top_k=1, top_p=0.1, u=0.0)
    yield case("a uniform of 0 is the first id", equal, u=0.0)
    yield case("a uniform on a step is the next id", equal, u=0.5)
    yield case("the greatest uniform is the last id", equal, u=last)
    yield case("top_k keeps the lower ids of equals", equal, top_k=2, u=last)
    yield case("top_k 1 is greedy", [0.0, 3.0, 1.0], top_k=1, u=last)
    yield case("top_k beyond the vocabulary is all of it", equal, top_k=400, u=last)
    yield case("top_p that is reached exactly stops there", equal, top_p=0.5, u=last)
    yield case("top_p just beyond a step takes one more", equal, top_p=0.5000001, u=last)
    yield case("the smallest top_p keeps the best token", equal, top_p=1e-12, u=last)
    yield case("top_p 1 is off", equal, top_p=1.0, u=last)
    yield case("top_p is of what top_k left", equal, top_k=2, top_p=0.5, u=last)
    yield case("a low temperature drowns the rest", [1.0, 2.0, 1.0, 1.0], temperature=0.01, u=last)
    yield case("very low logits do not overflow", [float32(-1e30), float32(-1e30), 0.0], u=0.25)
    yield case("very high logits do not overflow", [float32(1e30), float32(1e30), 0.0], u=0.75)


def random_cases(generator):
    settings = [(1.0, 0, 0.0), (0.7, 10, 0.0), (0.7, 0, 0.9), (1.3, 40, 0.95), (0.2, 5, 0.5), (2.0, 0, 0.3)]
    for temperature, top_k, top_p in settings:
        made = 0
        while made < 8:
            logits = [float32(generator.gauss(0, 3)) for _ in range(64)]
            u = uniform(generator.randrange(2**53), 0, made)
            if sample(logits, temperature, top_k, top_p, u)[1] < 1e-6:
                continue
            name = f"random {made}, temperature {temperature}, top_k {top_k}, top_p {top_p}"
            yield case(name, logits, temperature, top_k, top_p, u)
            made += 1


def uniforms():
    for seed in (0, 1, 42, 2**32 - 1, 2**32, 0x1234567890ABC, 2**53 - 1):
        for index, position in ((0, 0), (0, 1), (1, 0), (31, 1023), (4, 39)):
            yield dict(seed=seed, index=index, position=position, uniform=uniform(seed, index, position))


def main():
    vectors = dict(
        uniform=list(uniforms()), sampling=[*cases_on_a_step(), *random_cases(random.Random(1))]
    )
    lines = []
    for key, entries in vectors.items():
        rows = ",\n".join(f"    {json.dumps(entry)}" for entry in entries)
        lines.append(f'  "{key}": [\n{rows}\n  ]')
    path = pathlib.Path(__file__).with_name("sampling.json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
