"""ProGAN for satellite imagery: networks, data pipeline, training, metrics, export."""

__version__ = "0.1.0"
