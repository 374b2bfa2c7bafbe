"""Compare `read_signal` with the reference readers, over every recording in some folders.

    python tools/compare_readers.py FOLDER [FOLDER ...] [--all]

WFDB records are read by wfdb (unsmoothed), EDF and BDF by MNE (and by pyedflib if it is installed), the other formats of
MNE by MNE. Rate, names, length, values in the modality's unit, missing samples and events are compared; differences are
listed, one a line. Some differences are intended: pauses are missing samples here, and are left out by the references.
"""

import argparse
import sys
import warnings
from pathlib import Path

import numpy as np

from spotr_nb.signals.readers import READERS, file_ending, read_mne, read_signal, read_signals
from spotr_nb.signals.units import POWERS, known_unit

TARGET = {"eeg": "uV", "ieeg": "uV", "ecg": "mV"}


def reference_wfdb(path):
    "{name: (samples, rate, unit)} and onsets of annotations, by wfdb."
    import wfdb

    record = str(path.with_suffix(""))
    read = wfdb.rdrecord(record, smooth_frames=False)
    if isinstance(read, wfdb.MultiRecord):
        read = read.multi_to_single(physical=True, expanded=True)
    names = [name or f"ch{i}" for i, name in enumerate(read.sig_name)]
    names = [name if names.count(name) == 1 else f"{name} {i}" for i, name in enumerate(names)]
    rates = [read.fs * (n or 1) for n in read.samps_per_frame]
    onsets = []
    if Path(record + ".atr").is_file():
        found = wfdb.rdann(record, "atr")
        onsets = (found.sample / (found.fs or read.fs)).tolist()
    return dict(zip(names, zip(read.e_p_signal, rates, read.units))), onsets


def reference_mne(path):
    "The same by MNE, in volts; an EDF channel by channel, so that none is resampled."
    import mne

    ending = file_ending(path)
    by_ending = {".edf": "read_raw_edf", ".rec": "read_raw_edf", ".bdf": "read_raw_bdf", ".vhdr": "read_raw_brainvision"}
    by_ending |= {".fif": "read_raw_fif", ".fif.gz": "read_raw_fif", ".set": "read_raw_eeglab", ".gdf": "read_raw_gdf"}
    read = getattr(mne.io, by_ending[ending])
    with mne.utils.use_log_level("ERROR"):
        raw = read(path)
        single = ending in (".edf", ".bdf", ".rec") and len(set(raw.ch_names)) == len(raw.ch_names)
        found = {}
        for name in raw.ch_names:
            alone = read(path, include=[name]) if single else raw
            alone = alone if name in alone.ch_names else raw  # labels that occur twice are numbered by MNE
            if name in alone.ch_names:
                found[name] = alone.get_data(picks=[name])[0], alone.info["sfreq"], "V"
        onsets = (raw.annotations.onset - raw.first_time).tolist()
    short = {name.split(" ", 1)[-1] if name.startswith(("EEG ", "ECG ", "EKG ")) else name: value for name, value in found.items()}
    return found | short, onsets


def reference_pyedflib(path):
    "The same by pyedflib; None if it is not installed."
    try:
        import pyedflib
    except ImportError:
        return None
    with pyedflib.EdfReader(str(path)) as file:
        names = [file.getLabel(k).strip() for k in range(file.signals_in_file)]
        found = {
            name: (file.readSignal(k), file.getSampleFrequency(k), file.getPhysicalDimension(k)) for k, name in enumerate(names)
        }
        return found, list(file.readAnnotations()[0])


def references(path):
    "{name of a reader: function} for a file."
    if file_ending(path) == ".hea":
        return {"wfdb": reference_wfdb}
    if file_ending(path) in (".edf", ".bdf", ".rec"):
        return {"mne": reference_mne, "pyedflib": reference_pyedflib}
    return {"mne": reference_mne} if READERS[file_ending(path)] is read_mne else {}


def differences(signal, found):
    "Sentences on what differs between a signal and what a reference reader found."
    channels, onsets = found
    for k, name in enumerate(signal.ch_names):
        if name not in channels:
            yield f"channel {name} is unknown to it"
            continue
        samples, rate, unit = channels[name]
        if abs(rate / signal.sfreq - 1) > 1e-6:
            yield f"{name}: {signal.sfreq:g} Hz, by it {rate:g} Hz"
            continue
        yield from _of_samples(name, signal.x[k], np.asarray(samples, float), unit, signal)
    here = sorted(event.onset for event in signal.events)
    if len(here) != len(onsets):
        yield f"{len(here)} events, by it {len(onsets)}"
    elif here and np.abs(np.array(here) - np.sort(onsets)).max() > 1.5 / signal.sfreq:
        yield f"events up to {np.abs(np.array(here) - np.sort(onsets)).max():g} s apart"


def _of_samples(name, x, samples, unit, signal):
    if len(x) != len(samples):
        yield f"{name}: {len(x)} samples, by it {len(samples)}"
    n = min(len(x), len(samples))
    target = TARGET.get(signal.modality)
    stated = known_unit(unit)
    factor = 10.0 ** (POWERS[stated] - POWERS[target]) if target and stated else 1.0
    x, samples = x[:n].astype(float), samples[:n] * factor
    apart = np.isnan(x) != np.isnan(samples)
    if apart.any():
        yield f"{name}: {np.isnan(x).sum()} missing samples, by it {np.isnan(samples).sum()}"
    both = ~np.isnan(x) & ~np.isnan(samples)
    scale = max(np.abs(samples[both]).max(initial=0), 1e-12)
    if both.any() and np.abs(x - samples)[both].max() > 1e-5 * scale:
        ratio = np.median(np.abs(x[both]) / np.maximum(np.abs(samples[both]), 1e-12))
        yield f"{name}: samples differ, by a factor of {ratio:.4g} in the median"


def _read(path):
    "Signals of a file and the message if there are none; channels of no known type are read as PPG, which has no unit."
    try:
        return read_signals(path), ""
    except ValueError as error:
        refused = str(error)
    if "channels of no known type" in refused:
        for reference in references(path).values():
            try:
                return [read_signal(path, modality="ppg", channels=list(reference(path)[0]))], ""
            except Exception:  # it is refused, then
                pass
    return [], refused


def _by_rate(path, signal, found):
    "The signal, or where the reference has other rates its channels read rate by rate, as nothing is resampled then."
    rates = {}
    for name in signal.ch_names:
        rates.setdefault(found[0][name][1] if name in found[0] else signal.sfreq, []).append(name)
    if len(rates) < 2:
        return [signal]
    return [read_signal(path, modality=signal.modality, channels=names) for names in rates.values()]


def compare(path):
    "Lines on a file: (whether it agrees, text)."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        signals, refused = _read(path)
        remarks = [str(w.message).split(": ", 1)[-1] for w in caught]
        if refused and not signals:
            yield None, f"refused: {refused.split(': ', 1)[-1]}"
            return
        for reader, reference in references(path).items():
            try:
                found = reference(path)
            except Exception as error:
                yield None, f"{reader} cannot read it ({type(error).__name__}: {str(error)[:80]})"
                continue
            if found is None:
                continue
            lines = [f"{s.modality} {line}" for signal in signals for s in _by_rate(path, signal, found) for line in differences(s, found)]
            for line in lines:
                yield False, f"{reader}: {line}" + (f" [{'; '.join(remarks)[:160]}]" if remarks else "")
            if not lines:
                yield True, f"agrees with {reader}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, help="folders of recordings, searched to any depth")
    parser.add_argument("--all", action="store_true", help="list files that agree, too")
    args = parser.parse_args()
    files = [p for folder in args.folders for p in sorted(folder.rglob("*")) if p.is_file() and file_ending(p) in READERS]
    files = [p for p in files if references(p)]
    counts = {True: 0, False: 0, None: 0}
    for path in files:
        lines = list(compare(path))
        results = {agrees for agrees, _ in lines}
        counts[False if False in results else True if True in results else None] += 1
        for agrees, text in lines:
            if args.all or agrees is not True:
                print(f"{path}: {text}")
    print(f"{len(files)} recordings: {counts[True]} agree, {counts[False]} differ, {counts[None]} were read by one side only or by none")
    return 1 if counts[False] else 0


if __name__ == "__main__":
    sys.exit(main())
