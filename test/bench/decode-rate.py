"""Peers of decode-rate.ts: `decode-rate.py torchvision|pil <folder> <side>`. torchvision: io.decode_jpeg, then v2.functional.resize with antialias. pil: Pillow (no
draft mode, as datasets.folder.default_loader) and transforms.Resize. One process per core; prints images per second and CPU milliseconds per image."""
import json, os, resource, sys, time
from multiprocessing import Pool, cpu_count

import torch
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms.v2 import functional

torch.set_num_threads(1)


def load(job):
    peer, path, side = job
    if peer == 'torchvision':
        with open(path, 'rb') as file:
            data = torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)
        functional.resize(decode_jpeg(data, ImageReadMode.RGB), [side, side], antialias=True)
    else:
        from PIL import Image
        functional.resize(Image.open(path).convert('RGB'), [side, side])


def cpu():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == '__main__':
    peer, folder, side = sys.argv[1:4]
    paths = sorted(os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.endswith('.jpg'))
    used, began = cpu(), time.perf_counter()
    pool = Pool(cpu_count())
    pool.map(load, [(peer, path, int(side)) for path in paths], chunksize=8)
    seconds = time.perf_counter() - began
    pool.close()
    pool.join()
    print(json.dumps({'rate': len(paths) / seconds, 'cpu': (cpu() - used) * 1000 / len(paths)}))
