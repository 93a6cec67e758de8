"""PyTorch's side of engine.ts: reads lines `<work> <images>`, does the work on that many images, and prints images per second.

Each kind of work is tried with both memory layouts (contiguous and channels_last), on all cores, with inference mode and the fused optimizer; the better result counts.
"""
import sys
import time
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)


def autoencoder(dropout):
    layers, channels = [], 3
    for filters in (32, 64, 128):
        layers += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters), nn.MaxPool2d(2), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        channels = filters
    for filters, after in ((64, nn.ReLU()), (32, nn.ReLU()), (3, nn.Sigmoid())):
        layers += [nn.ConvTranspose2d(channels, filters, 4, 2, 1), after]
        channels = filters
    return nn.Sequential(*layers)


class Block(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters))
        same = stride == 1 and inputs == filters
        self.past = nn.Identity() if same else nn.Sequential(nn.Conv2d(inputs, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        return F.relu(self.second(self.first(x)) + self.past(x))


def resnet18(classes):
    layers, inputs = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)], 64
    for stage in range(4):
        for i in range(2):
            filters = 64 * 2**stage
            layers.append(Block(inputs, filters, 2 if stage and i == 0 else 1))
            inputs = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


def lite0():
    import timm

    return timm.create_model("tf_efficientnet_lite0", pretrained=False)


def training(net, size, batch, classes=None):
    def make(layout):
        model = net().to(memory_format=layout).train()
        x = torch.rand(batch, 3, size, size).contiguous(memory_format=layout)
        target = torch.randint(0, classes, (batch,)) if classes else x
        loss = F.cross_entropy if classes else F.mse_loss
        optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

        def step():
            optimizer.zero_grad(set_to_none=True)
            value = loss(model(x), target)
            value.backward()
            optimizer.step()
            return value.item()

        return step, batch

    return make


def inference(net, size, batch):
    def make(layout):
        model = net().to(memory_format=layout).eval()
        x = torch.rand(batch, 3, size, size).contiguous(memory_format=layout)

        def step():
            with torch.inference_mode():
                model(x)

        return step, batch

    return make


WORKS = {
    "autoencoder-train": training(lambda: autoencoder(0), 64, 32),
    "autoencoder-dropout-train": training(lambda: autoencoder(0.1), 64, 32),
    "autoencoder-infer": inference(lambda: autoencoder(0), 64, 32),
    "resnet18-train": training(lambda: resnet18(10), 64, 32, 10),
    "resnet18-infer": inference(lambda: resnet18(10), 64, 32),
    "efficientnet-lite0-infer": inference(lite0, 224, 8),
}
made = {}


def rate(work, images):
    if work not in made:
        made[work] = [WORKS[work](layout) for layout in (torch.contiguous_format, torch.channels_last)]
        for step, _ in made[work]:
            step()
            step()
    best = 0
    for step, batch in made[work]:
        steps = max(1, images // batch)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        best = max(best, steps * batch / (time.perf_counter() - began))
    return best


def decode(folder, images):
    import glob
    import torchvision.io as tio
    from torchvision.transforms.v2 import functional as T

    files = sorted(glob.glob(folder + "/**/*.jpg", recursive=True))[:images]
    began = time.perf_counter()
    for file in files:
        T.resize(tio.decode_image(tio.read_file(file), mode="RGB"), [64, 64], antialias=True)
    return len(files) / (time.perf_counter() - began)


print(f"PyTorch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads", flush=True)
for line in sys.stdin:
    work, images, *rest = line.split()
    print(decode(" ".join(rest), int(images)) if work == "decode" else rate(work, int(images)), flush=True)
