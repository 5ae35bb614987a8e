"""Hot spots by kernel density estimation: reports spread over the places nearby."""

import numpy as np

KM_PER_DEGREE = np.array([111.0, 92.0])  # of latitude and of longitude, at Los Angeles's 34 degrees north
KERNEL_KM = 0.5  # standard deviation of the Gaussian kernel; set by judgement, as docs/method.md says


def kernel_density(reports: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(P,) share of each place in recent reports (P,), spread over neighbours by a Gaussian kernel.

    Hot spots by kernel density estimation: Chainey, Tompson and Uhlig, The utility of hotspot mapping for predicting
    spatial patterns of crime, Security Journal 2008. `centres` (P, 2) are latitudes and longitudes.
    """
    position = ((centres - np.median(centres, 0)) * KM_PER_DEGREE / KERNEL_KM).astype(np.float32)
    distance = sum(np.square(axis[:, None] - axis) for axis in position.T)
    kernel = np.exp(distance * np.float32(-0.5))
    density = kernel @ (reports / kernel.sum(0))
    return np.asarray(density / max(1e-9, density.sum()))
