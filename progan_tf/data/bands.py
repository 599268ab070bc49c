"""Names of bands that nobody named, and which ones to show."""


def band_names(channels: int) -> tuple[str, ...]:
    """Grey, RGB, or numbers from 1."""
    return {1: ("grey",), 3: ("red", "green", "blue")}.get(channels) or tuple(f"band {i + 1}" for i in range(channels))


def display_bands(bands: tuple[str, ...]) -> tuple[int, ...]:
    """Indices of the bands that stand for grey or RGB: those of these names, else the first three, or the first."""
    names = [band.lower() for band in bands]
    if {"red", "green", "blue"} <= set(names):
        return tuple(names.index(colour) for colour in ("red", "green", "blue"))
    return (0, 1, 2) if len(bands) >= 3 else (0,)
