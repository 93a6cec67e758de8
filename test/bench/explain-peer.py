"""The side of pytorch-grad-cam and Captum of explain.ts: reads lines `<work> <times>`, and prints the milliseconds of each time. The argument is a JPEG file.

`click`: decode, resize to 224 px (Pillow, whose decoder scales down by itself), Grad-CAM of the predicted class. The other kinds of work start from the input of the network.
`layout`: the memory layout of the network, contiguous or channels_last; explain.ts tries both, and the better one counts.
"""
import os
import sys
import time
import numpy as np
import timm
import torch
from captum.attr import IntegratedGradients, NoiseTunnel, Occlusion, Saliency
from PIL import Image
from pytorch_grad_cam import GradCAM
from safetensors.torch import load_file

torch.set_num_threads(int(os.environ.get("THREADS", "2")))
file = sys.argv[1]
net = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
weights = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../assets/weights/efficientnet-lite0.safetensors")
net.load_state_dict({name: value.float() for name, value in load_file(weights).items()}, strict=False)
cam = GradCAM(model=net, target_layers=[net.bn2])
layout = torch.contiguous_format


def read():
    image = Image.open(file)
    image.draft("RGB", (224, 224))
    array = np.asarray(image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR))
    return ((torch.from_numpy(array.astype(np.float32)) - 127) / 128).permute(2, 0, 1)[None].contiguous(memory_format=layout)


x = read()
with torch.inference_mode():
    target = int(net(x).argmax())


def features():
    kept = []
    hooks = [module.register_forward_hook(lambda _m, _i, output: kept.append(output)) for module in net.modules() if not list(module.children())]
    with torch.inference_mode():
        net(x)
    for hook in hooks:
        hook.remove()


WORKS = {
    "click": lambda: cam(input_tensor=read()),
    "grad-cam": lambda: cam(input_tensor=x),
    "features": features,
    "saliency": lambda: Saliency(net).attribute(x, target=target),
    "integrated-gradients": lambda: IntegratedGradients(net).attribute(x, baselines=0, target=target, n_steps=50, internal_batch_size=8),
    "smoothgrad": lambda: NoiseTunnel(Saliency(net)).attribute(x, nt_type="smoothgrad_sq", nt_samples=25, nt_samples_batch_size=5, stdevs=0.3, target=target, abs=False),
    "occlusion": lambda: Occlusion(net).attribute(x, sliding_window_shapes=(3, 28, 28), strides=(3, 14, 14), baselines=0, target=target, perturbations_per_eval=16),
}
print(f"PyTorch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads", flush=True)
for line in sys.stdin:
    work, times = line.split()
    if work == "layout":
        layout = getattr(torch, times)
        net.to(memory_format=layout)
        x = x.contiguous(memory_format=layout)
        print("ok", flush=True)
        continue
    out = []
    for _ in range(int(times)):
        began = time.perf_counter()
        WORKS[work]()
        out.append(round(1000 * (time.perf_counter() - began), 2))
    print(*out, flush=True)
