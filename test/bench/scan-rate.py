"""Other tools for the comparison with `winnow scan`: `scan-rate.py <peer> <folder> <empty folder for thumbnails>`. Peers: pillow-webp, pillow-jpeg, pillow (no thumbnail
file), cleanvision. The Pillow peers do the steps of a scan up to the thumbnail (hash, draft mode, orientation, 256 px) in two processes.
Prints one line of JSON: the number of images, and the seconds without the start of Python."""
import contextlib, hashlib, io, json, os, sys, time
from multiprocessing import Pool


def thumbnail(job):
    from PIL import Image, ImageOps
    path, kind, folder = job
    with open(path, 'rb') as file:
        data = file.read()
    name = hashlib.sha256(data).hexdigest()
    image = Image.open(io.BytesIO(data))
    image.draft('RGB', (512, 512))
    image = ImageOps.exif_transpose(image).convert('RGB')
    image.thumbnail((256, 256))
    if kind:
        image.save(os.path.join(folder, name + '.' + kind), kind.upper(), quality=82 if kind == 'webp' else 85)


def main():
    peer, folder, out = sys.argv[1:4]
    began = time.perf_counter()
    if peer == 'cleanvision':
        from cleanvision import Imagelab
        began = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            lab = Imagelab(data_path=folder)
            lab.find_issues(n_jobs=2)
        images = len(lab.issues)
    else:
        from PIL import Image  # noqa: F401 (loaded before the processes are forked)
        began = time.perf_counter()
        kind = {'pillow-webp': 'webp', 'pillow-jpeg': 'jpeg', 'pillow': ''}[peer]
        paths = [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names if name.lower().endswith(('.jpg', '.jpeg', '.png'))]
        with Pool(2) as pool:
            pool.map(thumbnail, [(path, kind, out) for path in paths], chunksize=4)
        images = len(paths)
    print(json.dumps({'images': images, 'seconds': time.perf_counter() - began}))


if __name__ == '__main__':
    main()
