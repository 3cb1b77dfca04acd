"""The stage `split` as tutorials write it."""

import sys

import matplotlib.pyplot as plt
import torch
import yaml

params = yaml.safe_load(open("params.yaml"))
outs = sys.argv[1:]

X, y = torch.load("data/samples.pt")
n = int(params["split"]["train_fraction"] * len(X))
torch.save((X[:n], y[:n]), outs[0])
torch.save((X[n:], y[n:]), outs[1])
