"""
PyTorch's side of patch-memory.ts: PatchCore (Roth et al. 2022) with the same network (timm), the same pixels and the same sizes. Prints seconds as JSON.

    python patch-memory-peer.py PIXELS IMAGES TRAIN SIDE SAMPLED KEPT

PIXELS: a file of uint8 [IMAGES, SIDE, SIDE, 3]; the first TRAIN images are normal, the others are scored.
"""
import json
import sys
import time
import numpy
import timm
import torch
import torch.nn.functional as functional

path, images, train, side, sampled, kept = sys.argv[1], *map(int, sys.argv[2:])
pixels = torch.from_numpy(numpy.fromfile(path, numpy.uint8).reshape(images, side, side, 3))
model = timm.create_model("tf_efficientnet_lite0", pretrained=False, features_only=True, out_indices=(2, 3)).eval()
torch.manual_seed(1)


def maps_of(x, layout):
    x = ((x.float() - 127) / 128).permute(0, 3, 1, 2).contiguous(memory_format=layout)
    fine, coarse = (functional.normalize(stage, dim=1) for stage in model(x))
    coarse = functional.interpolate(coarse, fine.shape[2:], mode="bilinear")
    return torch.cat([fine, coarse], 1).permute(0, 2, 3, 1).flatten(1, 2)  # [B, places, channels]


def run(layout):
    model.to(memory_format=layout)
    began = time.perf_counter()
    features = torch.cat([maps_of(block, layout) for block in pixels.split(20)])
    read = time.perf_counter()
    patches = features[:train].flatten(0, 1)
    patches = patches[torch.randperm(len(patches))[:sampled]]
    points = patches @ torch.randn(patches.shape[1], 64)
    squares = (points**2).sum(1)
    nearest = torch.full((len(points),), torch.inf)
    chosen = [0]
    for _ in range(kept - 1):  # greedy k-centre
        last = chosen[-1]
        nearest = torch.minimum(nearest, squares - 2 * (points @ points[last]) + squares[last])
        chosen.append(int(nearest.argmax()))
    bank = patches[chosen]
    selected = time.perf_counter()
    scores = []
    for image in features[train:]:
        distances = torch.cdist(image, bank).min(1).values
        scores.append(distances.topk(max(1, round(0.003 * len(distances)))).values.mean())
    done = time.perf_counter()
    return {"features": read - began, "bank": selected - read, "score": done - selected, "all": done - began}


with torch.inference_mode():
    layouts = (torch.channels_last, torch.contiguous_format)
    for layout in layouts:
        maps_of(pixels[:20], layout)  # warm up
    print(json.dumps(min((run(layout) for layout in layouts), key=lambda times: times["all"])))
