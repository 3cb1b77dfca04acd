"""The stage `plot` as tutorials write it."""

import sys

import matplotlib.pyplot as plt
import torch
import yaml

params = yaml.safe_load(open("params.yaml"))
outs = sys.argv[1:]

X, y = torch.load("data/train.pt")
X_test, y_test = torch.load("data/test.pt")
predicted = torch.load("models/predictions.pt")[1]
for path in outs:
    plt.figure(figsize=(8, 5))
    plt.scatter(X, y, s=4, label="training data")
    plt.scatter(X_test, y_test, s=4, label="testing data")
    plt.scatter(X_test, predicted, s=4, label="predictions")
    plt.legend()
    plt.savefig(path)
