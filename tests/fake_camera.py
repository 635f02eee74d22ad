"A film for Chromium's fake camera: frames of a clip, each with its number written on it in black and white squares."
import numpy as np
import torch
from PIL import Image

BITS, SQUARE = 10, 10  # squares of so many pixels, side by side in the picture's first rows

def numbered(image, n):
    "A frame uint8 (3, H, W) with its number in its upper left corner."
    out = image.clone()
    for k in range(BITS): out[:, :SQUARE, k * SQUARE:(k + 1) * SQUARE] = 255 * (n >> k & 1)
    return out

def number_on(image):
    "The number that is written on a frame."
    width = image.shape[-1] / 160                                   # of a film of 160 pixels
    spots = [int((k + .5) * SQUARE * width) for k in range(BITS)]
    return sum(int(image[:, int(SQUARE * width / 2), x].float().mean() > 127) << k for k, x in enumerate(spots))

def badly_lit(images):
    "A dim room with one lamp on the right: what adaptation has something to do about."
    return (255 * (images / 255 * torch.linspace(.35, 1, images.shape[-1]))**2.4).to(torch.uint8)

def write_y4m(path, frames, rate):
    "Frames as (image uint8 (3, H, W), number), in the format that the fake camera plays over and over: brightness from 16 to 235, color from 16 to 240, as video has them."
    first = frames[0][0]
    height, width = first.shape[-2:]
    with open(path, "wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F{rate}:1 Ip A1:1 C420jpeg\n".encode())
        for image, n in frames:
            pixels = numbered(image, n).permute(1, 2, 0).numpy()
            y, *colors = Image.fromarray(pixels).convert("YCbCr").split()
            half = [np.asarray(c.resize((width // 2, height // 2), Image.Resampling.BOX)) for c in colors]
            planes = 16 + 219 / 255 * np.asarray(y), *(128 + 224 / 255 * (c - 128.) for c in half)
            file.write(b"FRAME\n" + b"".join(plane.round().astype(np.uint8).tobytes() for plane in planes))
    return path
