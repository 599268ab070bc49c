"""Scene extension: a conditional progressive GAN that continues what is known of a window."""
