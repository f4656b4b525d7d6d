"""What a model sees of a window: four numbers, in the order that the fleet file states too."""

import numpy as np
import pyarrow as pa

from stream_queries.schema import FEATURES


def feature_matrix(windows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Return the features of each window, shape (windows, 4), 64-bit floats; a missing value is NaN."""
    matrix = np.empty((windows.num_rows, len(FEATURES)))
    for position, name in enumerate(FEATURES):
        matrix[:, position] = windows.column(name).to_numpy(zero_copy_only=False)
    return matrix
