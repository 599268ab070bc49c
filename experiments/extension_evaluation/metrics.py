"""The names of what is measured of extension."""

OF_PIXELS = ("seam", "classifier", "errors", "diversity", "drift")
OF_FEATURES = ("fid", "kid")  # seen through a network
METRICS = (*OF_PIXELS, *OF_FEATURES)
