"""torchvision's side of augment.ts, on one core: reads one job per line of standard input, prints its images per second.

    {"size": 64, "recipe": "randaugment", "kind": "pil", "seconds": 0.5}
"""
import json
import sys
import time
import torch
from PIL import Image
from torchvision.transforms import v2

torch.set_num_threads(1)
RECIPES = {
    "randaugment": v2.RandAugment(2, 9),
    "autoaugment-imagenet": v2.AutoAugment(),
    "custom": v2.Compose([v2.RandomAffine(10, (0.06, 0.06), (1 / 1.1, 1.1), interpolation=v2.InterpolationMode.BILINEAR), v2.ColorJitter(0.2, 0.2)]),
}

for line in sys.stdin:
    job = json.loads(line)
    image = torch.randint(0, 256, (3, job["size"], job["size"]), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    image = Image.fromarray(image.permute(1, 2, 0).numpy()) if job["kind"] == "pil" else image
    recipe, done, began = RECIPES[job["recipe"]], 0, time.perf_counter()
    while time.perf_counter() - began < job["seconds"]:
        for _ in range(10):
            recipe(image)
        done += 10
    print(done / (time.perf_counter() - began), flush=True)
