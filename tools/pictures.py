"""Draw the picture of the README and the landing page: recordings that ship, reconstructed by the model that ships.

Of each recording the second window of its last tenth, which the model was not trained on; the first channel, not the best one.
"""

import argparse
from pathlib import Path

import numpy as np

root = Path(__file__).resolve().parents[1]
pictures = root / "nbs" / "images"
# (label, recording, channels for one token); the first of them is drawn
rows = (
    ("ECG", "ecg_mitbih_100", 1),
    ("PPG", "ppg_watch", 1),
    ("intracranial EEG", "ieeg_sleep", 1),
    ("EEG,\none channel", "eeg_cvep", 1),
    ("the same,\n8 channels", "eeg_cvep", 8),
)


def window_of(name, n_channels):
    "Samples and mask of one window `[n_channels, L]`, its unit."
    from spotr_nb import load_sample, prepare

    signal = load_sample(name)
    windows = prepare(signal.pick(signal.ch_names[:n_channels]), window_seconds=3)
    k = min(int(0.9 * len(windows.x)) + 1, len(windows.x) - 1)
    return windows.x[k : k + 1], windows.valid[k : k + 1], signal.unit


def draw(path):
    "Write the picture."
    from spotr_nb import SPOTR
    from spotr_nb.figures import figure_svg

    model, drawn = SPOTR.from_pretrained("spotr-tiny"), []
    for _, name, n_channels in rows:
        x, valid, unit = window_of(name, n_channels)
        drawn.append((x[0, 0], model.reconstruct(x, valid=valid)[0, 0], valid[0, 0], unit))
    x, reconstruction, valid, units = zip(*drawn)
    how = dict(ch_names=[label for label, *_ in rows], valid=np.stack(valid), unit=list(units))
    figure_svg(np.stack(x), np.stack(reconstruction), path, **how)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    draw(pictures / "reconstruction.svg")
