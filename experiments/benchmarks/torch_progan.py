"""The published network and its training step in plain PyTorch: the peer that experiments.benchmarks.training times.

Written from the same definition as progan_tf, as one would write it in PyTorch without thinking of speed, for one level
that is fully grown: NCHW, eager, 2x scaling either `fused` with a convolution or apart from it (`unfused`). It knows
nothing of the project, so that any Python with PyTorch and NumPy runs it. Requests come as lines of JSON on stdin, an
answer goes to stdout for each:

  {"network": {"widths": [...], "latent_size": 512, "channels": 3, "group": 4}, "batch": 16}  makes the networks
  {"fused": true, "precision": "bfloat16", "channels_last": false}  makes a step, answers its {"seconds": ...}
  {"fused": true, "check": "in.npz", "answer": "out.npz"}  computes a step on given weights and inputs
"""

import copy
import json
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class Equalized(nn.Module):
    """Kernel from N(0, 1), multiplied by gain / sqrt(fan-in) at every use, and a bias."""

    def __init__(self, shape: tuple[int, ...], fan_in: int, features: int, gain: float = math.sqrt(2)):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(features))
        self.scale = gain / math.sqrt(fan_in)

    def scaled(self) -> Tensor:
        return self.kernel * self.scale


class Dense(Equalized):
    """[N, inputs] to [N, inputs'], or to [N, features, 4, 4] where `square`."""

    def __init__(self, inputs: int, features: int, gain: float = math.sqrt(2), square: bool = False):
        super().__init__((inputs, features * (16 if square else 1)), inputs, features, gain)
        self.square = square

    def forward(self, x: Tensor) -> Tensor:
        x = x @ self.scaled()
        if self.square:
            x = x.view(len(x), 4, 4, -1).permute(0, 3, 1, 2).contiguous()
            return x + self.bias.view(-1, 1, 1)
        return x + self.bias


class Conv(Equalized):
    def __init__(self, inputs: int, features: int, size: int = 3, gain: float = math.sqrt(2)):
        super().__init__((features, inputs, size, size), size * size * inputs, features, gain)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.scaled(), self.bias, padding=self.kernel.shape[-1] // 2)


class UpConv(Equalized):
    """Nearest up-scaling and convolution."""

    def __init__(self, inputs: int, features: int, fused: bool):
        super().__init__((inputs, features, 3, 3), 9 * inputs, features)
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            return functional.conv_transpose2d(x, spread(self.scaled()), self.bias, stride=2, padding=1)
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        return functional.conv2d(x, self.scaled().transpose(0, 1).flip(2, 3), self.bias, padding=1)


class DownConv(Equalized):
    """Convolution and mean of every 2 x 2 pixels."""

    def __init__(self, inputs: int, features: int, fused: bool):
        super().__init__((features, inputs, 3, 3), 9 * inputs, features)
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            return functional.conv2d(x, spread(self.scaled()) / 4, self.bias, stride=2, padding=1)
        return functional.avg_pool2d(functional.conv2d(x, self.scaled(), self.bias, padding=1), 2)


def spread(kernel: Tensor) -> Tensor:
    """Sum of a 3 x 3 kernel over its four shifts by one pixel: 4 x 4."""
    return sum(
        functional.pad(kernel, (left, 1 - left, top, 1 - top)) for left in (0, 1) for top in (0, 1)
    )  # fmt: skip


def activate(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


def pixel_norm(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    """Latents [N, Z] to images [N, C, R, R]; widths are those of 2 x 2 (the latents), 4 x 4, 8 x 8 and so on."""

    def __init__(self, widths: list[int], latent_size: int, channels: int, fused: bool):
        super().__init__()
        dense = Dense(latent_size, widths[1], gain=math.sqrt(2) / 4, square=True)
        layers = [("4x4/dense", dense), ("4x4/conv", Conv(widths[1], widths[1]))]
        for at in range(2, len(widths)):
            size = 2 ** (at + 1)
            layers += [
                (f"{size}x{size}/up", UpConv(widths[at - 1], widths[at], fused)),
                (f"{size}x{size}/conv", Conv(widths[at], widths[at])),
            ]
        self.hidden, self.names = nn.ModuleList(layer for _, layer in layers), [name for name, _ in layers]
        self.to_rgb = Conv(widths[-1], channels, size=1, gain=1)

    def forward(self, latents: Tensor) -> Tensor:
        x = pixel_norm(latents)
        for layer in self.hidden:
            x = pixel_norm(activate(layer(x)))
        return self.to_rgb(x)

    def named_layers(self) -> Iterator[tuple[str, Equalized]]:
        yield from zip(self.names, self.hidden, strict=True)
        yield f"{self.names[-1].split('/')[0]}/to_rgb", self.to_rgb


class Discriminator(nn.Module):
    """Images [N, C, R, R] to scores [N]."""

    def __init__(self, widths: list[int], channels: int, group: int, fused: bool):
        super().__init__()
        self.group = group
        size = 2 ** len(widths)
        layers = [(f"{size}x{size}/from_rgb", Conv(channels, widths[-1], size=1))]
        for at in range(len(widths) - 1, 1, -1):
            size = 2 ** (at + 1)
            layers += [
                (f"{size}x{size}/conv", Conv(widths[at], widths[at])),
                (f"{size}x{size}/down", DownConv(widths[at], widths[at - 1], fused)),
            ]
        self.hidden, self.names = nn.ModuleList(layer for _, layer in layers), [name for name, _ in layers]
        self.last_conv = Conv(widths[1] + 1, widths[1])
        self.last_dense = Dense(16 * widths[1], widths[0])
        self.output = Dense(widths[0], 1, gain=1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.hidden:
            x = activate(layer(x))
        x = activate(self.last_conv(torch.cat([x, self.deviation(x)], dim=1)))
        x = activate(self.last_dense(x.permute(0, 2, 3, 1).flatten(1)))
        return self.output(x)[:, 0]

    def deviation(self, x: Tensor) -> Tensor:
        """How much the images of a group differ: one feature map, the same all over an image. Groups are strided."""
        group = min(self.group, len(x))
        grouped = x.float().reshape(group, -1, *x.shape[1:])
        deviation = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
        return deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:]).to(x.dtype)

    def named_layers(self) -> Iterator[tuple[str, Equalized]]:
        yield from zip(self.names, self.hidden, strict=True)
        yield from (("4x4/conv", self.last_conv), ("4x4/dense", self.last_dense), ("4x4/output", self.output))


class Training:
    """Both networks, the averaged generator and the optimisers, at one level."""

    def __init__(self, network: dict, fused: bool, channels_last: bool = False):
        widths, channels = network["widths"], network["channels"]
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        generator = Generator(widths, network["latent_size"], channels, fused)
        discriminator = Discriminator(widths, channels, network["group"], fused)
        self.generator = generator.to(memory_format=self.layout)
        self.discriminator = discriminator.to(memory_format=self.layout)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        adam = {"lr": 0.001, "betas": (0.0, 0.99), "eps": 1e-8}
        self.g_optimizer = torch.optim.Adam(self.generator.parameters(), **adam)
        self.d_optimizer = torch.optim.Adam(self.discriminator.parameters(), **adam)

    def step(self, reals: Tensor, d_latents: Tensor, g_latents: Tensor, mix: Tensor, precision: str) -> dict:
        """Discriminator, averaged generator, generator; returns losses and the norm of the penalty, per image."""
        reals = reals.contiguous(memory_format=self.layout)
        autocast = torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16")
        with autocast, torch.no_grad():
            fakes = self.generator(d_latents).float()
        mixed = torch.lerp(reals, fakes, mix[:, None, None, None]).requires_grad_()
        with autocast:
            real_scores, fake_scores = self.discriminator(reals).float(), self.discriminator(fakes).float()
            mixed_scores = self.discriminator(mixed).float()
        (gradients,) = torch.autograd.grad(mixed_scores.sum(), mixed, create_graph=True)
        norm = gradients.float().square().sum((1, 2, 3)).sqrt()
        d_loss = fake_scores - real_scores + 10 * (norm - 1).square() + 0.001 * real_scores.square()
        self.d_optimizer.zero_grad()
        d_loss.mean().backward()
        self.d_optimizer.step()

        with torch.no_grad():
            for average, weight in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
                average.lerp_(weight, 0.001)

        self.discriminator.requires_grad_(False)
        with autocast:
            g_loss = -self.discriminator(self.generator(g_latents).float()).float()
        self.g_optimizer.zero_grad()
        g_loss.mean().backward()
        self.g_optimizer.step()
        self.discriminator.requires_grad_(True)
        return {"fakes": fakes, "d_loss": d_loss, "g_loss": g_loss, "norm": norm}

    def set_weights(self, weights: dict[str, np.ndarray]) -> None:
        """Takes weights in the names and layouts of TensorFlow: generator/8x8/conv/kernel [k, k, in, out]."""
        for group, network in (("generator", self.generator), ("discriminator", self.discriminator)):
            for name, layer in network.named_layers():
                kernel = weights[f"{group}/{name}/kernel"]
                layer.kernel.data.copy_(torch.from_numpy(kernel.transpose(3, 2, 0, 1) if kernel.ndim == 4 else kernel))
                layer.bias.data.copy_(torch.from_numpy(weights[f"{group}/{name}/bias"]))


def check(training: Training, inputs: Path, answer: Path) -> None:
    """One step on weights, `reals` [N, H, W, C], `d_latents`, `g_latents` and `mix` of a file; figures to another."""
    given = dict(np.load(inputs))
    training.set_weights(given)
    reals = torch.from_numpy(given["reals"].transpose(0, 3, 1, 2))
    others = (torch.from_numpy(given[name]) for name in ("d_latents", "g_latents", "mix"))
    found = training.step(reals, *others, "float32")
    np.savez(answer, **{name: values.detach().numpy() for name, values in found.items()})


def main() -> None:
    network, batch, trainings = {}, 0, {}
    for line in sys.stdin:
        request = json.loads(line)
        answer = {}
        if "network" in request:
            network, batch = request["network"], request["batch"]
            trainings.clear()
        else:
            key = (request["fused"], request.get("channels_last", False))
            training = trainings.get(key) or trainings.setdefault(key, Training(network, *key))
            if "check" in request:
                check(training, Path(request["check"]), Path(request["answer"]))
            else:
                size, latents = 2 ** len(network["widths"]), network["latent_size"]
                inputs = torch.randn(batch, network["channels"], size, size), *torch.randn(2, batch, latents)
                begin = time.perf_counter()
                training.step(*inputs, torch.rand(batch), request["precision"])
                answer = {"seconds": time.perf_counter() - begin}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
