"""The stage `verify` as tutorials write it."""

import sys

import matplotlib.pyplot as plt
import torch
import yaml

params = yaml.safe_load(open("params.yaml"))
outs = sys.argv[1:]

model = torch.nn.Linear(1, 1)
model.load_state_dict(torch.load("models/model.pt"))
X = torch.load("data/test.pt")[0]
predicted = torch.load("models/predictions.pt")[1]
with torch.inference_mode():
    assert torch.equal(model(X), predicted)
open(outs[0], "w").write("true")
