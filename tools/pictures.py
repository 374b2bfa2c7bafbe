"""Draw the pictures of the README and the landing page.

The large one: recordings that ship, reconstructed by the model that ships; of each the second window of its last tenth,
which the model was not trained on, and the first channel, not the best one. With `--gallery _site`: small pictures of
figures and tables of a built site, photographed in Chromium.
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


# picture of the gallery: (page, what is photographed there, which of them)
photographed = {
    "sleep": ("tutorials/a_night_of_sleep", ".plotly-graph-div", 3),
    "arrhythmia": ("tutorials/probe_your_labels", ".plotly-graph-div", 0),
    "alike": ("tutorials/explore", ".plotly-graph-div", 0),
    "file": ("tutorials/your_own_file", ".plotly-graph-div", 1),
    "labels": ("how_to/labels_from_a_table", "div.cell_output table", 0),
    "bids": ("how_to/a_bids_folder", "div.cell_output table", 0),
    "mne": ("how_to/from_mne", "div.cell_output table", 1),
    "table": ("how_to/tokens_as_a_table", "div.cell_output table", 0),
    "pretrain": ("tutorials/your_own_folder", ".plotly-graph-div", 0),
    "fine_tuning": ("probing/protocols", "div.cell_input:has-text('train_by_fold('):visible", -1),
    "export": ("how_to/export_onnx", "div.highlight:visible", 1),
    "sweep": ("tutorials/sweep_on_slurm", "div.cell_output table", 0),
    "ecg_from_ppg": ("tutorials/ecg_from_ppg", "div.cell_output img", 0),
}


def photograph(site):
    "Write the pictures of the gallery."
    import shutil

    from playwright.sync_api import sync_playwright

    (pictures / "gallery").mkdir(exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=dict(width=1200, height=900), device_scale_factor=0.6)
        for name, (address, selector, k) in photographed.items():
            page.goto((site / f"{address}.html").resolve().as_uri())
            page.wait_for_timeout(2500)
            found = page.locator(selector).nth(k)
            found.scroll_into_view_if_needed()
            page.wait_for_timeout(300)
            box = found.bounding_box()
            size = dict(width=min(box["width"], 900), height=min(box["height"], 420))
            page.screenshot(path=pictures / "gallery" / f"{name}.png", clip=dict(x=box["x"], y=box["y"], **size))
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gallery", type=Path, metavar="SITE", help="photograph a built site instead")
    chosen = parser.parse_args()
    photograph(chosen.gallery) if chosen.gallery else draw(pictures / "reconstruction.svg")
