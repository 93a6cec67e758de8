"""Optuna's side of search.ts, on one core: reads one job per line of standard input, minimises the function, prints the regret after each trial; `timed`: the seconds of a suggestion after random trials.

    {"function": "branin", "sampler": "gp", "seed": 1, "trials": 50, "timed": false}
"""
import json
import math
import random
import sys
import time
import warnings
import optuna
import torch

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
optuna.logging.set_verbosity(optuna.logging.ERROR)
SAMPLERS = {"gp": optuna.samplers.GPSampler, "tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}


def hartmann(x, a, p):
    return -sum(c * math.exp(-sum(aj * (xj - pj) ** 2 for aj, xj, pj in zip(ai, x, pi))) for c, ai, pi in zip((1, 1.2, 3, 3.2), a, p))


A3 = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
P3 = [[0.3689, 0.117, 0.2673], [0.4699, 0.4387, 0.747], [0.1091, 0.8732, 0.5547], [0.0381, 0.5743, 0.8828]]
A6 = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
P6 = [[0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886], [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991], [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.665], [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381]]


def branin(t):
    x, y = t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)
    return (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.39788735772973816


def box(t, dims, low, high):
    return [t.suggest_float(f"x{i}", low, high) for i in range(dims)]


def mixed(t):
    kind, layers = t.suggest_categorical("optimizer", ["sgd", "adam", "rmsprop"]), t.suggest_int("layers", 1, 8)
    u = math.log10(t.suggest_float("learningRate", 1e-5, 1, log=True))
    if kind == "sgd":
        off, least, rest = u + 1 + 0.15 * (layers - 5), 0, 3 * (t.suggest_float("momentum", 0, 1) - 0.85) ** 2
    elif kind == "adam":
        off, least = u + 3, 0.05
        rest = 2 * (t.suggest_float("beta", 0, 1) - 0.9) ** 2 + 0.1 * (math.log10(t.suggest_float("decay", 1e-6, 0.1, log=True)) + 4) ** 2
    else:
        off, least, rest = u + 2.5, 0.15, (t.suggest_float("rho", 0, 1) - 0.6) ** 2
    return least + 0.5 * off**2 + 0.1 * (1 - math.cos(4 * off)) + rest + 0.04 * (layers - 5) ** 2


def ackley(t):
    x = box(t, 4, -5, 10)
    return 20 + math.e - 20 * math.exp(-0.2 * math.sqrt(sum(v * v for v in x) / 4)) - math.exp(sum(math.cos(2 * math.pi * v) for v in x) / 4)


def rosenbrock(t, dims=4):
    x = box(t, dims, -2, 3)
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def quadratic(t):
    return sum((i + 1) * (v - 0.3 - 0.1 * i) ** 2 for i, v in enumerate(box(t, 4, 0, 1)))


def network(t):
    """Like the error of a small network: flat far away, steep at a large rate, rates and widths that depend on each other."""
    u, layers = math.log10(t.suggest_float("learningRate", 1e-5, 1, log=True)), t.suggest_int("layers", 1, 8)
    width, dropout = math.log2(t.suggest_int("width", 8, 256, log=True)), t.suggest_float("dropout", 0, 0.8)
    decay = math.log10(t.suggest_float("decay", 1e-6, 0.1, log=True))
    off = u + 2.5 + 0.2 * (layers - 4)
    bad = (1.5 if off > 0 else 0.35) * off * off + 0.05 * (layers - 4) ** 2 + 0.08 * (width - 6) ** 2 + 0.8 * (dropout - 0.3) ** 2 + 0.02 * (decay + 4) ** 2
    return 0.85 * (1 - math.exp(-bad / 1.5))


# The function, and the standard deviation of the noise that is added for the sampler.
FUNCTIONS = {
    "branin": (branin, 0),
    "hartmann6": (lambda t: hartmann(box(t, 6, 0, 1), A6, P6) + 3.3223680114155152, 0),
    "mixed": (mixed, 0),
    "hartmann3": (lambda t: hartmann(box(t, 3, 0, 1), A3, P3) + 3.8627797869493365, 0),
    "ackley4": (ackley, 0),
    "rosenbrock4": (rosenbrock, 0),
    "rosenbrock8": (lambda t: rosenbrock(t, 8), 0),
    "quadratic4+noise": (quadratic, 0.1),
    "network+noise": (network, 0.01),
}

for line in sys.stdin:
    job = json.loads(line)
    function, noise = FUNCTIONS[job["function"]]
    sampler = SAMPLERS[job["sampler"]](seed=job["seed"])
    study = optuna.create_study(sampler=SAMPLERS["random"](seed=job["seed"]) if job["timed"] else sampler)
    normal, best, curve, regret = random.Random(job["seed"]), math.inf, [], math.inf
    for _ in range(job["trials"]):
        trial = study.ask()
        value = function(trial)
        seen = value + noise * normal.gauss(0, 1)
        study.tell(trial, seen)
        if seen < best:
            best, regret = seen, value
        curve.append(regret)
    if job["timed"]:
        study.sampler = sampler
        began = time.perf_counter()
        function(study.ask())
        print(json.dumps([time.perf_counter() - began]), flush=True)
    else:
        print(json.dumps(curve), flush=True)
