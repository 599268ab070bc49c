"""Three studies of a talk at CERN openlab in 2019 on a GAN for UNOSAT's satellite imagery, as commands."""
