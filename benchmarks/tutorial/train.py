"""The stage `train` as tutorials write it."""

import sys

import matplotlib.pyplot as plt
import torch
import yaml

params = yaml.safe_load(open("params.yaml"))
outs = sys.argv[1:]

X, y = torch.load("data/train.pt")
X_test, y_test = torch.load("data/test.pt")
torch.manual_seed(params["train"]["seed"])
model = torch.nn.Linear(1, 1)
loss_fn = torch.nn.L1Loss()
optimizer = torch.optim.SGD(model.parameters(), lr=params["train"]["lr"])
rows = ["epoch,train_loss,test_loss,weight,bias"]
for epoch in range(params["train"]["epochs"]):
    model.train()
    loss = loss_fn(model(X), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.eval()
    with torch.inference_mode():
        test_loss = loss_fn(model(X_test), y_test)
    if epoch % 20 == 0:
        rows.append(f"{epoch},{loss},{test_loss},{model.weight.item()},{model.bias.item()}")
torch.save(model.state_dict(), outs[0])
open(outs[2], "w").write("\n".join(rows))
with torch.inference_mode():
    torch.save((model(X), model(X_test)), outs[1])
