"""Tests that need a browser: the pages of the site, and the explorer in a real JupyterLab, in headless Chromium.

JupyterLab starts with a configuration of its own and runs a cell with the explorer; then the mouse is moved, keys are
pressed and lists are used as a person would, and the content of the plots is read. The model is the one that
$SPOTR_MODEL names, or the one that comes with the package.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright
from tally import Skip, Tally, root

flags = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
token = "spotr"
run_all = """async () => { const app = window.jupyterapp; await app.restored; const panel = app.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    await app.commands.execute('runmenu:run-all') }"""
look = """() => { const plots = [...document.querySelectorAll('.js-plotly-plot')].filter(p => p._fullLayout && p.offsetParent), numbers = a => Array.from(a || [], v => Number.isFinite(v) ? v : null);
    const has = name => plots.find(p => p.data && p.data.some(t => t.name === name)), of = (p, name) => p ? p._fullData.filter(t => t.name === name).map(t => numbers(t.y)) : [];
    const rows = (p, name) => { if (!p) return []; const y = of(p, name)[0], n = p._fullLayout.yaxis.tickvals.length, m = y.length / n; return Array.from({ length: n }, (_, k) => y.slice(k * m, k * m + m)) };      // one line runs through all channels
    const shapes = (p, name) => p ? p._fullLayout.shapes.filter(s => s.name === name).map(s => [s.x0, s.x1]) : [], picked = t => t && t.selectedpoints ? Array.from(t.selectedpoints) : null;
    const main = has('windows'), map = has('tokens'), moved = has('before moving'), others = plots.filter(p => p !== main && p !== map && p !== moved);
    return { rows: rows(main, 'original'), names: main ? main._fullLayout.yaxis.ticktext : [], reconstructed: rows(main, 'reconstruction').filter(y => y.some(v => v !== null)).length, range: main ? Array.from(main._fullLayout.xaxis.range) : null,
        selected: shapes(main, 'selected'), current: shapes(main, 'current'), annotations: main ? main._fullLayout.annotations.filter(a => a.name !== 'scale').map(a => a.text) : [], scales: main ? main._fullLayout.annotations.filter(a => a.name === 'scale').map(a => a.text) : [], marks: main ? main._fullData.find(t => t.name === 'windows').x.length : 0, marked: main ? picked(main._fullData.find(t => t.name === 'windows')) : null,
        points: map ? map._fullData[0].x.length : 0, highlighted: map ? picked(map._fullData[0]) : null,
        original: of(moved, 'original'), reconstruction: of(moved, 'reconstruction'), before: of(moved, 'before moving'), window: moved ? Array.from(moved._fullLayout.xaxis.range) : null,
        errors: moved ? moved._fullLayout.annotations.filter(a => (a.name || '').startsWith('error')).map(a => a.text) : [],
        others: others.map(p => ({ kinds: p._fullData.map(t => t.type), names: p._fullData.map(t => t.name), n: p._fullData.reduce((n, t) => n + (t.y ? t.y.length : 0), 0), worst: shapes(p, 'worst').length, first: numbers(p._fullData[0] && p._fullData[0].y).slice(0, 50) })),
        width: plots.map(p => Math.trunc((p.clientWidth - p._fullLayout.width) / 2)) } }"""
has_error = "[...document.querySelectorAll('.jp-OutputArea-output[data-mime-type=\"application/vnd.jupyter.stderr\"], .jp-RenderedText[data-mime-type*=error]')].map(e => e.textContent)"


# ---- browser and server


def chromium():
    "Chromium's path; skips without it."
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        raise Skip("there is no Chromium here: apt-get install chromium")
    return found


@contextmanager
def open_page(here):
    "A fresh page with two lists that fill as it is used: requests to other hosts than `here`, and errors."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=flags)
        page, elsewhere, errors = browser.new_page(viewport={"width": 1400, "height": 1100}), [], []
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((here, here.replace("http", "ws"), "data:", "blob:"))
                else elsewhere.append(request.url)
            ),
        )
        page.on("pageerror", lambda error: errors.append(str(error)[:300]))
        yield page, elsewhere, errors
        browser.close()


def free_port():
    "A free port."
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def responds(address):
    "Whether a server responds there."
    try:
        return bool(urllib.request.urlopen(address, timeout=2))
    except OSError:
        return False


def wait_for(condition, seconds, otherwise):
    "Ask until `condition` holds; its value."
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{otherwise} after {seconds} s")


@contextmanager
def jupyter_lab(folder, home, **variables):
    "JupyterLab serving `folder`, with settings and kernels of this environment only; yields its address."
    settings = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "share",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
    }
    environment = (
        os.environ
        | {name: str(home / folder) for name, folder in folders.items()}
        | {"JUPYTER_PLATFORM_DIRS": "1", "OMP_NUM_THREADS": "1"}
        | variables
    )
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    address = f"http://127.0.0.1:{free_port()}"
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                "--ip=127.0.0.1",
                f"--port={address.rsplit(':')[-1]}",
                "--ServerApp.port_retries=0",
                f"--IdentityProvider.token={token}",
                f"--ServerApp.root_dir={folder}",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
                "--LabApp.extension_manager=readonly",
                "--expose-app-in-browser",
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(
            lambda: responds(f"{address}/api/status?token={token}") or server.poll() is not None,
            120,
            "JupyterLab does not respond",
        )
        yield address
    except Exception as error:
        raise AssertionError(f"{error}\nlog of JupyterLab:\n{(home / 'lab.log').read_text()[-3000:]}") from error
    finally:
        server.terminate()
        server.wait(30)


def model_folder(home):
    "A model to explore: a given one, or the one that comes with the package; or else a small one pretrained now."
    given = os.environ.get("SPOTR_MODEL") or root / "nbs" / "models" / "spotr-tiny"
    if (Path(given) / "config.json").is_file():
        return Path(given).resolve()
    program = (
        "import sys\nfrom spotr_nb import Corpus, SpotrConfig, load_sample, pretrain\nfrom spotr_nb.training.pretraining import Recipe\n"
        "corpus = Corpus.build([load_sample('ecg_mitbih_208'), load_sample('ppg_finger_ear')], sys.argv[1] + '/corpus', progress=False)\n"
        "pretrain(SpotrConfig(dim=64, n_heads=4, n_blocks=1, render_dim=64, n_render_blocks=2), corpus, sys.argv[1] + '/run', Recipe(steps=120, batch_size=16, lr=3e-3), device='cpu', progress=False)\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(home)],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        check=True,
    )
    return home / "run" / "model"


# ---- the site


def site_pages(site):
    "Open every page of the site; none may request anything from another host."
    if not (site / "index.html").exists():
        raise Skip("there is no site: make docs")
    with open_page(f"file://{site}") as (page, elsewhere, errors):
        for path in sorted(site.rglob("*.html")):
            page.goto(f"file://{path}", timeout=120_000)  # a busy machine may starve Chromium for a while
            page.wait_for_load_state("networkidle")
            assert not elsewhere, f"{path.relative_to(site)} asked {elsewhere}"
            assert not errors, f"{path.relative_to(site)} has errors: {errors}"


# ---- names that try to run as code


def hostile_names(shots):
    "Pages full of names that try to run: nothing runs, and the names can be read."
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}
        made = subprocess.run(
            [sys.executable, "tools/hostile.py", folder], cwd=root, env=environment, capture_output=True, text=True
        )
        assert not made.returncode, made.stderr[-2000:]
        pages = made.stdout.split()
        assert len(pages) == 7, pages
        for name in pages:
            with open_page(f"file://{folder}") as (page, elsewhere, errors):
                page.on("dialog", lambda dialog: errors.append(f"a dialog: {dialog.message}"))
                page.goto(f"file://{folder}/{name}")
                if name == "report.html":
                    page.wait_for_selector("body[data-drawn]", timeout=90_000)
                page.wait_for_load_state("networkidle")
                page.mouse.move(400, 300)
                assert page.evaluate("() => window.hacked === undefined"), f"{name}: a name ran as code"
                live = "img[src='x'], svg[onload], a[href^='javascript'], iframe, object, embed"
                assert not page.evaluate(f"() => document.querySelectorAll(`{live}`).length"), f"{name}: a name is markup"
                text = page.evaluate("() => document.body.textContent")
                assert "window.hacked=1" in text, f"{name}: a name cannot be read"
                assert not elsewhere and not errors, (name, elsewhere, errors)
                if shots:
                    page.screenshot(path=shots / f"hostile-{name}.png")


def site_search(site):
    "A search shows excerpts, guides first; the page list shows where one is; nothing is wider than the page."
    if not (site / "index.html").exists():
        raise Skip("there is no site: make docs")
    with open_page(f"file://{site}") as (page, _, errors):
        page.goto(f"file://{site}/search.html?q=labels+csv")
        page.wait_for_selector("#search-results li")
        found = page.locator("#search-results li a").all_inner_texts()
        assert found[0].startswith("Labels from a CSV") and any("Probe your labels" in one for one in found[:4]), found
        assert page.locator("#search-results li mark").count() > 3
        for width in (1400, 800):
            page.set_viewport_size(dict(width=width, height=900))
            for name in ("index", "benchmarks/one_token", "benchmarks/spotr_tiny", "cards/index", "names"):
                page.goto(f"file://{site}/{name}.html")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
        page.set_viewport_size(dict(width=1400, height=900))
        page.goto(f"file://{site}/explorer/report.html")
        page.wait_for_function("document.querySelector('.sidebar-scroll').scrollTop > 0", timeout=10_000)
        assert not errors, errors


# ---- the explorer

cell = """import os
import numpy as np
from dataclasses import replace
from spotr_nb import load_sample
from spotr_nb.explorer.app import explore
beats = load_sample('ecg_mitbih_208')
hours = replace(beats, x=np.tile(beats.x, (1, 64)), recording='hours')
from edfio import Edf, EdfSignal
rows = np.random.default_rng(0).normal(size=(3, 128 * 60)).cumsum(1)
rows = 20 * (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
Edf([EdfSignal(x, 128, label=name, physical_dimension='uV') for name, x in zip(('EEG C3', 'EEG C4', 'ECG'), rows)]).write('mixed.edf')
cap = 'Fp1 Fp2 F7 F3 Fz F4 F8 FC5 FC6 T7 C3 Cz C4 T8 P7 P3 Pz P4 P8 Oz'.split()
rows = np.random.default_rng(1).normal(size=(20, 128 * 60)).cumsum(1)
rows = 20 * (rows - rows.mean(1, keepdims=True)) / rows.std(1, keepdims=True)
Edf([EdfSignal(x, 128, label=f'EEG {name}', physical_dimension='uV') for name, x in zip(cap, rows)]).write('cap.edf')
app = explore({'eeg_cvep': 'eeg_cvep', 'ecg_mitbih_100': 'ecg_mitbih_100', 'ppg_finger_ear': 'ppg_finger_ear', 'hours': hours}, os.environ['SPOTR_MODEL'], folder='explored', patience=60)
app.patience = .2
app"""


class App:
    "The explorer on a page, used with a mouse, keys and choices."

    def __init__(self, page, shots, work):
        self.page, self.shots, self.work, self.waits = page, shots, work, []

    def look(self):
        "What the plots show."
        return self.page.evaluate(look)

    def change(self, do, what, seconds=40):
        "Do something and wait until what `what` picks from the plots is another; before and after."
        before, began = self.look(), time.time()
        do()
        after = wait_for(
            lambda: (now := self.look()) and what(now) != what(before) and now, seconds, "the plots do not change"
        )
        self.waits.append(time.time() - began)
        return before, self.settled(after)

    def insist(self, do, what):
        "As `change`, for boxes and lassos: a busy page may miss a movement, and a person would repeat it."
        for _ in range(2):
            try:
                return self.change(do, what, 12)
            except AssertionError:
                pass
        return self.change(do, what, 12)

    def settled(self, seen):
        "What the plots show once nothing changes any more."
        for _ in range(60):
            time.sleep(0.25)
            again = self.look()
            if again == seen:
                return again
            seen = again or seen
        raise AssertionError("the plots do not come to rest")

    def finish(self, seconds=2):
        "Wait until neither texts nor plots change for a while: a choice that is made before is undone by the last one."
        end, seen, since = time.time() + 90, None, time.time()
        while time.time() < end:
            now = texts(self), self.look()
            if now != seen:
                seen, since = now, time.time()
            elif time.time() - since > seconds:
                return
            time.sleep(0.2)
        raise AssertionError("the app does not come to rest after 90 s")

    def press(self, label, key, times=1):
        "Press a key on the slider of that name."
        slider = (
            self.page.locator(
                ".widget-slider", has=self.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
            )
            .locator("visible=true")
            .first
        )
        slider.locator(".noUi-handle").first.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def choose(self, label, value):
        "Choose from the drop-down list of that name."
        self.page.locator(
            ".widget-dropdown", has=self.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(label)}$"))
        ).locator("visible=true").first.locator("select").select_option(label=value)

    def show_panel(self, title):
        "Show a panel, with the keyboard."
        button = self.page.locator(".widget-toggle-button", has_text=re.compile(f"^{title}$"))
        button.focus()
        self.page.keyboard.press("Enter")

    def place(self, name, layer=".nsewdrag"):
        "Where on the page the plot with a trace of that name takes the mouse; of several, the last is the strip."
        return self.page.evaluate(
            """([name, layer]) => { const p = [...document.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent && p.data && p.data.some(t => t.name === name));
            p.scrollIntoView({block: 'center'}); return [...p.querySelectorAll(layer)].map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height] }) }""",
            [name, layer],
        )

    def drag(self, box, path):
        "Drag the mouse along a path, in fractions of a box."
        x, y, width, height = box
        points = [(x + width * across, y + height * down) for across, down in path]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()

    def check(self, check):
        "Make a check; a picture of what it fails at."
        try:
            check(self)
        except Exception:
            self.shot(f"failed-{check.__name__}")
            raise

    def shot(self, name):
        "A picture, if a folder for pictures was given."
        if not self.shots:
            return
        self.page.locator(".jp-OutputArea .widget-vbox").first.evaluate("p => p.scrollIntoView()")
        time.sleep(0.5)
        self.page.screenshot(path=self.shots / f"{name}.png")


def opens(app):
    "All channels with their reconstruction, a strip with a mark for each window, a map with a point for each."
    seen = wait_for(
        lambda: (now := app.look()) and now["points"] and now["rows"] and now, 240, "no recording and no map"
    )
    seen = app.settled(seen)
    assert len(seen["rows"]) == seen["reconstructed"] == 8 and all(len(y) > 100 for y in seen["rows"]), (
        len(seen["rows"]),
        seen["reconstructed"],
    )
    levels = [[value for value in y if value is not None] for y in seen["rows"]]
    assert len(set(seen["names"])) == 8 and all(
        abs(sum(level) / len(level) + k) < 0.1 and y[-1] is None
        for k, (level, y) in enumerate(zip(levels, seen["rows"]))
    ), "channels are not below one another"
    assert seen["marks"] == seen["points"] == 120, (seen["marks"], seen["points"])
    wait_for(lambda: set(app.look()["width"]) <= {0}, 10, "a figure is narrower than its place")
    app.shot("01-opened")


def map_selects_in_recording(app):
    "A lasso around points of the map selects these windows in the recording."
    (box,) = app.place("tokens")
    before, after = app.insist(
        lambda: app.drag(box, [(0.5, 0.02), (0.98, 0.02), (0.98, 0.98), (0.5, 0.98), (0.5, 0.05)]),
        lambda seen: seen["selected"],
    )
    assert 0 < len(after["highlighted"]) < 120 and after["marked"] == after["highlighted"], (
        after["highlighted"],
        after["marked"],
    )
    assert any(
        f"{len(after['highlighted'])} of 120 windows selected" in text
        for text in app.page.locator(".widget-html").all_inner_texts()
    )
    app.shot("02-map")


def recording_selects_on_map(app):
    "A box drawn over the strip selects windows, which are highlighted on the map."
    app.page.get_by_role("button", name="select", exact=True).click()
    time.sleep(1)
    boxes = app.place("windows")
    before, after = app.insist(
        lambda: app.drag(max(boxes, key=lambda box: box[1]), [(0.25, 0.2), (0.5, 0.8)]),
        lambda seen: seen["highlighted"],
    )
    assert (
        after["highlighted"] == list(range(after["highlighted"][0], after["highlighted"][-1] + 1))
        and 24 < len(after["highlighted"]) < 34
    ), after["highlighted"]
    app.page.get_by_role("button", name="move", exact=True).click()


def keys_select(app):
    "The slider with two handles selects windows without a mouse; so does the list of groups."
    before, after = app.change(lambda: app.choose("select", "largest errors (10 %)"), lambda seen: seen["highlighted"])
    assert len(after["highlighted"]) == 12, after["highlighted"]
    app.change(
        lambda: app.page.get_by_role("button", name="select none").press("Enter"), lambda seen: seen["highlighted"]
    )
    slider = app.page.locator(".widget-slider", has=app.page.locator(".widget-label", has_text="select (s)")).first
    before, after = app.change(
        lambda: (slider.locator(".noUi-handle").last.focus(), [app.page.keyboard.press("PageUp") for _ in range(3)]),
        lambda seen: seen["highlighted"],
    )
    assert after["highlighted"][0] == 0 and len(after["highlighted"]) > 2, after["highlighted"]


def dragging_moves_recording(app):
    "Dragging moves through time, the wheel zooms, and the new view is filled."
    box = min(app.place("windows"), key=lambda box: box[1])
    before, after = app.change(
        lambda: app.drag(box, [(0.7, 0.5), (0.3, 0.5)]), lambda seen: (seen["range"], seen["rows"][0])
    )
    moved = 0.4 * (before["range"][1] - before["range"][0])
    assert abs(after["range"][0] - before["range"][0] - moved) < 0.2 * moved, after["range"]
    assert after["rows"][0] != before["rows"][0]

    def wheel():
        app.page.mouse.move(box[0] + box[2] / 2, box[1] + box[3] / 2)
        app.page.mouse.wheel(0, 400)

    before, after = app.change(wheel, lambda seen: seen["range"])
    assert after["range"][1] - after["range"][0] > before["range"][1] - before["range"][0], after["range"]
    before, after = app.change(
        lambda: app.page.get_by_title("see the whole recording").press("Enter"),
        lambda seen: (seen["range"], seen["rows"][0]),
    )
    assert after["range"] == [0, 344] and not after["reconstructed"] and len(after["rows"][0]) <= 1210
    app.shot("03-whole")
    for _ in range(3):
        app.change(lambda: app.page.get_by_title("see less time").press("Enter"), lambda seen: seen["range"])


def redraws_quickly(app):
    "From a key to a new view of 8 channels: what a person waits for."
    spent = app.page.evaluate("""async () => { const p = [...document.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent && p.data && p.data.some(t => t.name === 'windows')), all = [];
        for (const title of ['half a view on', 'half a view back', 'half a view on', 'half a view back', 'half a view on']) {
            const before = p._fullLayout.xaxis.range[0], began = performance.now(); document.querySelector(`button[title="${title}"]`).click();
            while (p._fullLayout.xaxis.range[0] === before && performance.now() - began < 10000) await new Promise(r => requestAnimationFrame(r));
            all.push(performance.now() - began); await new Promise(r => setTimeout(r, 300)) } return all.sort((a, b) => a - b) }""")
    print(f"    another view: median {spent[2]:.0f} ms, longest {spent[-1]:.0f} ms, from the click to the plot")
    assert spent[2] < 2000


def move_changes_reconstruction(app):
    "In the window panel, the slider by keyboard: another reconstruction, the same original; both errors are shown."
    app.show_panel("Window")
    seen = app.settled(
        wait_for(lambda: (now := app.look()) and now["original"] and now["original"][0] and now, 40, "no window")
    )
    assert (
        seen["before"] == seen["reconstruction"]
        and seen["original"] != seen["reconstruction"]
        and len(seen["errors"]) == 6
    )
    before, after = app.change(lambda: app.press("by", "ArrowRight", 20), lambda seen: seen["reconstruction"])
    assert after["original"] == before["original"] and after["before"] == before["reconstruction"]
    assert all("→" in text for text in after["errors"]), after["errors"]
    wait_for(
        lambda: any("moved: delta" in text for text in app.page.locator(".widget-html").all_inner_texts()),
        10,
        "no biomarker of what was moved",
    )
    app.shot("04-moved")
    before, after = app.change(lambda: app.press("blend", "ArrowRight", 8), lambda seen: seen["reconstruction"])
    before, after = app.change(
        lambda: app.page.get_by_title("back to the token of the window").click(), lambda seen: seen["reconstruction"]
    )
    assert after["reconstruction"] == after["before"] and not any("→" in text for text in after["errors"]), after[
        "errors"
    ]


def dimension_moves_too(app):
    "A single dimension: a click on a cell of the token selects it."
    strip = (
        app.page.locator(".js-plotly-plot", has=app.page.locator(".heatmaplayer .hm"))
        .locator("visible=true")
        .first.locator(".nsewdrag")
        .first
    )
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    app.page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
    app.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    time.sleep(0.3)
    app.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    wait_for(lambda: app.page.get_by_text("token[").count(), 10, "the dimension is not named")
    before, after = app.change(lambda: app.press("by", "ArrowRight", 30), lambda seen: seen["reconstruction"])
    assert after["original"] == before["original"]
    app.change(
        lambda: app.page.get_by_title("back to the token of the window").click(), lambda seen: seen["reconstruction"]
    )


def time_moves_window(app):
    "The time slider makes another window the current one, with its errors, and marks it in the recording."
    before, after = app.change(
        lambda: app.press("time (s)", "PageUp", 3), lambda seen: (seen["original"], seen["window"])
    )
    assert after["window"][0] > before["window"][0] and after["errors"] != before["errors"], after["errors"]


def finds_neighbours(app):
    "The nearest neighbours of the current window, each with its reconstruction; one of the list becomes the current one."
    app.show_panel("Neighbours")
    seen = app.settled(
        wait_for(lambda: (now := app.look()) and now["others"] and now["others"][-1]["n"] and now, 40, "no neighbours")
    )
    panel = seen["others"][-1]
    assert panel["names"].count("original") == panel["names"].count("reconstruction") == 7, panel["names"]
    app.shot("05-neighbours")
    slider = (
        app.page.locator(".widget-slider", has=app.page.locator(".widget-label", has_text="time (s)"))
        .locator(".widget-readout")
        .first
    )
    at = slider.inner_text()
    app.page.locator("select", has=app.page.locator("option", has_text=" at ")).locator(
        "visible=true"
    ).last.select_option(index=2)
    wait_for(lambda: slider.inner_text() != at, 10, "the list does not change the current window")
    at = slider.inner_text()
    app.page.get_by_title("make the next window of the list the current one").locator("visible=true").press("Enter")
    wait_for(lambda: slider.inner_text() != at, 10, "the button does not change the current window")
    before, after = app.change(
        lambda: app.page.get_by_role("button", name="search").press("Enter"), lambda seen: seen["others"][-1]["first"]
    )


def ranks_anomalies(app):
    "The windows with the largest errors, with the part that fails; they can be selected."
    app.show_panel("Anomalies")
    seen = app.settled(
        wait_for(
            lambda: (now := app.look()) and any(one["worst"] for one in now["others"]) and now, 40, "no part is marked"
        )
    )
    assert seen["others"][-1]["worst"] == 6
    before, after = app.change(
        lambda: app.page.get_by_role("button", name="select these").press("Enter"), lambda seen: seen["marked"]
    )
    assert len(after["marked"]) == 6
    app.shot("06-anomalies")


def errors_and_spectra(app):
    "Errors by channel and time; spectra of original and reconstruction."
    app.show_panel("Errors")
    seen = app.settled(
        wait_for(
            lambda: (now := app.look()) and any("heatmap" in one["kinds"] for one in now["others"]) and now,
            40,
            "no map of errors",
        )
    )
    assert {"heatmap", "bar"} <= set(seen["others"][-1]["kinds"])
    app.shot("07-errors")
    app.show_panel("Spectra")
    seen = app.settled(
        wait_for(
            lambda: (
                (now := app.look()) and any(one["kinds"] == ["scatter", "scatter"] for one in now["others"]) and now
            ),
            40,
            "no spectra",
        )
    )
    assert seen["others"][-1]["names"] == ["original", "reconstruction"]
    app.shot("08-spectra")


def saves(app):
    "A table and pictures are written."
    app.show_panel("Save")
    folder = app.work / "explored"
    app.page.get_by_role("button", name="save table (CSV)").press("Enter")
    wait_for(lambda: (folder / "eeg_cvep.windows.csv").is_file(), 20, "no table")
    assert sum(line.endswith("True") for line in (folder / "eeg_cvep.windows.csv").read_text().splitlines()) == 6
    for kind in "svg", "png":
        app.choose("as", kind)
        app.page.get_by_role("button", name="save figure").press("Enter")
        wait_for((folder / f"eeg_cvep.recording.{kind}").is_file, 20, "no picture")
    if app.shots:
        shutil.copy(folder / "eeg_cvep.recording.png", app.shots / "09-saved.png")


def annotations_follow_recording(app):
    "The beats of one recording are not left above another."
    app.change(lambda: app.choose("recording", "ecg_mitbih_100"), lambda seen: seen["marks"], 120)
    beats = wait_for(lambda: app.look()["annotations"], 20, "no beats are shown")
    assert set(beats) <= {"N", "A", "V", "+"}, beats
    app.change(lambda: app.choose("recording", "ppg_finger_ear"), lambda seen: seen["marks"], 120)
    left = app.look()["annotations"]
    assert not left, f"the beats are left above the pulse: {left}"
    app.change(lambda: app.choose("recording", "eeg_cvep"), lambda seen: seen["marks"], 120)


def texts(app):
    "All texts of the app, as one."
    return "\n".join(app.page.locator(".spotr-explorer .widget-html").all_inner_texts())


def opens_at_its_best(app):
    "An EEG opens with a token for each channel, and says why; all channels can be reached."
    assert "a token of 128 numbers for each of 8 channels" in texts(app) and "Chosen: a token for each" in texts(app)
    app.page.get_by_title("show all channels").press("Enter")
    wait_for(lambda: "8 of 8 shown" in texts(app), 20, "not all channels are shown")


def mixed_file_switches(app):
    "A file with EEG and an ECG opens as EEG, says so, and lists switch to the ECG, another mains filter, another model."
    field = app.page.get_by_placeholder("or a file")
    field.fill("mixed.edf")
    app.change(lambda: field.press("Enter"), lambda seen: seen["names"], 120)
    wait_for(lambda: "The file has 2 EEG and 1 ECG channels" in texts(app), 20, "it does not say what it chose")
    before, after = app.change(lambda: app.choose("signal", "ECG: 1 channel"), lambda seen: seen["names"], 120)
    assert (before["names"], after["names"]) == (["C3", "C4"], ["ECG"]), (before["names"], after["names"])
    assert all(text.endswith("µV") for text in before["scales"]) and len(before["scales"]) == 2, before["scales"]
    wait_for(lambda: "No mains filter" in texts(app), 20, "it does not say that the mains are not filtered")
    app.choose("mains", "50 Hz")
    wait_for(lambda: "No mains filter" not in texts(app), 60, "the mains filter is not switched on")
    app.finish()
    was = texts(app)
    app.choose("model", "spotr-tiny-beats")
    wait_for(lambda: texts(app) != was and not app.page.get_by_role("alert").count(), 60, "no other model")
    app.finish()
    app.choose("model", model_name(app))
    app.finish()
    app.change(lambda: app.choose("recording", "eeg_cvep"), lambda seen: seen["names"], 120)


def model_name(app):
    "The first of the list of models."
    return app.page.locator(".widget-dropdown", has_text="model").locator("select option").first.inner_text()


def gain_changes_scale(app):
    "The scale bars follow the gain."
    app.settled(app.look())
    app.change(lambda: app.press("gain", "ArrowRight", 5), lambda seen: seen["scales"])
    app.change(lambda: app.press("gain", "ArrowLeft", 5), lambda seen: seen["scales"])


def overviews(app):
    "A spectrogram over time, and electrodes on the head; a frame shows the current window."
    app.show_panel("Over time")
    kinds = lambda: [kind for one in app.look()["others"] for kind in one["kinds"]]  # noqa: E731
    wait_for(lambda: "heatmap" in kinds(), 40, "no spectrogram")
    app.shot("14-over-time")
    app.show_panel("Head")
    wait_for(lambda: "electrodes" in [name for one in app.look()["others"] for name in one["names"]], 40, "no head")
    app.choose("show", "alpha")
    wait_for(lambda: kinds().count("scatter") >= 6, 40, "not two heads")
    domains = "() => [...document.querySelectorAll('.js-plotly-plot')].filter(p => p.offsetParent).at(-1)._fullLayout"
    wait_for(lambda: app.page.evaluate(f"{domains}.xaxis.domain") == [0, 0.5], 20, "the two heads lie over each other")
    app.shot("15-head")
    app.show_panel("Map")


def compares_models(app):
    "A second model over the same window, with its error beside."
    app.show_panel("Window")
    app.choose("compare with", "spotr-tiny-beats")
    wait_for(lambda: "spotr-tiny-beats" in texts(app) and "over 12 windows" in texts(app), 60, "no second model")
    app.shot("16-two-models")
    app.choose("compare with", "no other model")
    app.show_panel("Map")


def hovering_shows_waveform(app):
    "With the mouse over a point of the map, its window is drawn below the map, with time, error and quality."
    app.show_panel("Map")
    tiny = app.page.locator(".spotr-explorer .widget-html", has=app.page.locator("svg[role=img] path"))
    wait_for(lambda: tiny.locator("visible=true").count(), 20, "no waveform of the current window")
    before = tiny.inner_text()
    for number in (60, 61, 62):
        x, y = app.page.evaluate(
            """number => { const p = [...document.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent && p.data && p.data.some(t => t.name === 'tokens'));
            p.scrollIntoView({block: 'center'}); const b = p.querySelector('.nsewdrag').getBoundingClientRect(), f = p._fullLayout, t = p._fullData[0];
            return [b.x + f.xaxis.l2p(t.x[number]), b.y + f.yaxis.l2p(t.y[number])] }""",
            number,
        )
        app.page.mouse.move(x - 3, y, steps=3)
        app.page.mouse.move(x, y)
        time.sleep(0.5)
    wait_for(lambda: tiny.inner_text() != before, 20, "another window is not drawn")
    text = tiny.inner_text()
    assert "error" in text and "quality" in text and tiny.locator("path").count() == 6, text
    app.shot("18-hover")


def twenty_channels_on_one_screen(app):
    "Twenty channels, the strip and the map are on one screen of 1,400 by 900, readable, and no wider than their cell."
    app.page.set_viewport_size(dict(width=1400, height=900))
    field = app.page.get_by_placeholder("or a file")
    field.fill("cap.edf")
    app.change(lambda: field.press("Enter"), lambda seen: seen["names"], 120)
    app.show_panel("Map")
    app.change(lambda: app.page.get_by_title("show all channels").press("Enter"), lambda seen: len(seen["names"]))
    wait_for(lambda: set(app.look()["width"]) <= {0}, 20, "a figure is narrower than its place")
    app.page.locator(".spotr-explorer").first.evaluate("app => app.scrollIntoView()")
    time.sleep(1)
    app.shot("19-twenty-channels")
    found = app.page.evaluate(
        """() => { const app = document.querySelector('.spotr-explorer'), out = app.closest('.jp-OutputArea-output'), frame = app.closest('.jp-WindowedPanel-outer') || document.body;
        const has = name => [...app.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent && p.data.some(t => t.name === name));
        const main = has('windows'), map = has('tokens'), box = p => { const b = p.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] };
        const names = [...main.querySelectorAll('.yaxislayer-above .ytick text, .ytick text')].filter(t => t.textContent).map(t => t.getBoundingClientRect());
        return { wide: app.scrollWidth - app.clientWidth, out: out.scrollWidth - out.clientWidth, main: box(main), map: box(map), names: names.map(b => [b.top, b.bottom]).sort((a, b) => a[0] - b[0]), bottom: frame.getBoundingClientRect().bottom, top: frame.getBoundingClientRect().top } }"""
    )
    print(f"    recording {found['main']}, map {found['map']}, notebook from {found['top']} to {found['bottom']}")
    assert found["wide"] <= 0 and found["out"] <= 0, f"the app is wider than its cell: {found['wide']}, {found['out']}"
    assert found["map"][0] >= found["main"][2], "the map is not beside the recording"
    for name in "main", "map":
        assert found["top"] <= found[name][1] and found[name][3] <= found["bottom"], f"{name} is not on the screen: {found}"
    assert len(found["names"]) == 20, f"names of {len(found['names'])} channels"
    gaps = [low[1] - high[0] for low, high in zip(found["names"], found["names"][1:])]
    assert max(gaps) <= 3, f"names of channels overlap by {max(gaps)} pixels"
    app.page.set_viewport_size(dict(width=1400, height=1100))
    app.change(lambda: app.choose("recording", "eeg_cvep"), lambda seen: seen["names"], 120)


pair_cell = """from spotr_nb.explorer.app import side_by_side
pair = [explore(name, os.environ['SPOTR_MODEL'], patience=60) for name in ('ecg_mitbih_100', 'ppg_finger_ear')]
side_by_side(*pair)"""


def two_side_by_side(app):
    "Two recordings beside each other: each has its own figures, and what is done in one does not change the other."
    app.page.evaluate(
        """async code => { const { content } = window.jupyterapp.shell.currentWidget; content.model.sharedModel.insertCell(1, { cell_type: 'code', source: code });
        content.activeCellIndex = 1; await content.scrollToItem(1, 'start'); await window.jupyterapp.commands.execute('notebook:run-cell') }""",
        pair_cell,
    )
    see = """() => [...document.querySelectorAll('.jp-Cell')].slice(1, 2).flatMap(cell => [...cell.querySelectorAll('.spotr-explorer')]).map(app => {
        const main = [...app.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent && p._fullLayout && p.data && p.data.some(t => t.name === 'windows')), box = app.getBoundingClientRect();
        return { left: box.left, right: box.right, top: box.top, names: main ? main._fullLayout.yaxis.ticktext : null, range: main ? Array.from(main._fullLayout.xaxis.range) : null, wide: main ? Math.trunc((main.clientWidth - main._fullLayout.width) / 2) : null } })"""
    both = wait_for(
        lambda: (now := app.page.evaluate(see)) and len(now) == 2 and all(one["names"] for one in now) and now,
        120,
        "not two explorers with a figure each",
    )
    first, second = both
    assert first["names"] != second["names"], both
    wait_for(lambda: not any(one["wide"] for one in app.page.evaluate(see)), 20, "a figure is narrower than its place")
    if app.shots:
        app.page.screenshot(path=app.shots / "20-side-by-side.png")
    assert second["left"] >= first["right"] - 1 and abs(first["top"] - second["top"]) < 2, both
    app.page.locator(".jp-Cell").nth(1).get_by_title("half a view on").first.press("Enter")
    wait_for(lambda: app.page.evaluate(see)[0]["range"] != first["range"], 20, "the first does not move")
    assert app.page.evaluate(see)[1]["range"] == second["range"], "the second moves with the first"
    app.page.evaluate("() => window.jupyterapp.shell.currentWidget.content.model.sharedModel.deleteCell(1)")
    wait_for(lambda: app.page.locator(".spotr-explorer").count() == 1, 20, "the second cell stays")


def resizes(app):
    "Dragging the border below the recording makes it higher; in both themes and sizes nothing is wider than the page."
    box = ".spotr-of-recording"
    height = "() => [...document.querySelectorAll('.js-plotly-plot')].find(p => p.offsetParent)._fullLayout.height"
    before = app.page.evaluate(height)
    app.page.evaluate(f"() => document.querySelector('{box}').style.height = '{before + 100}px'")
    wait_for(lambda: app.page.evaluate(height) == before + 100, 20, "the figure is as high as before")
    app.page.evaluate(f"() => document.querySelector('{box}').style.height = '{before}px'")
    wait_for(lambda: app.page.evaluate(height) == before, 20, "the figure keeps its height")
    for theme in "Dark", "Light":
        app.page.evaluate(
            f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
        )
        for width, height in (1000, 800), (1400, 900):
            app.page.set_viewport_size(dict(width=width, height=height))
            wait_for(lambda: set(app.look()["width"]) <= {0}, 20, "a figure is narrower than its place")
            app.shot(f"17-{theme.lower()}-{width}")
            app.shot(f"17-{theme.lower()}-{width}")
    app.page.set_viewport_size(dict(width=1400, height=1100))


def blank_figure_comes_back(app):
    "A figure that the browser lost is drawn anew."
    count = "() => document.querySelectorAll('.spotr-of-recording .main-svg').length"
    app.page.evaluate("() => document.querySelectorAll('.spotr-of-recording .main-svg').forEach(e => e.remove())")
    assert not app.page.evaluate(count)
    wait_for(lambda: app.page.evaluate(count), 40, "the figure stays blank")
    app.settled(app.look())


def slow_browser_keeps_figures(app):
    "A browser ten times as slow shows a new figure with its content: anywidget gives scripts two seconds to load."
    box, height = ".spotr-of-recording", "() => document.querySelector('.spotr-of-recording .js-plotly-plot')?._fullLayout?.height"
    before, rows = app.page.evaluate(height), len(app.look()["rows"])
    speed = app.page.context.new_cdp_session(app.page)
    speed.send("Emulation.setCPUThrottlingRate", dict(rate=10))
    try:
        app.page.evaluate(f"() => document.querySelector('{box}').style.height = '{before + 60}px'")
        wait_for(lambda: app.page.evaluate(height) == before + 60, 120, "the new figure is not drawn")
    finally:
        speed.send("Emulation.setCPUThrottlingRate", dict(rate=1))
    wait_for(lambda: len(app.look()["rows"]) == rows, 60, "the new figure is empty")
    app.page.evaluate(f"() => document.querySelector('{box}').style.height = '{before}px'")
    wait_for(lambda: app.page.evaluate(height) == before, 20, "the figure keeps its height")


def labels_by_keys(app):
    "One key marks a window and goes on; undo, redo, suggestions; keys in a field are text."
    app.show_panel("Labels")
    field = app.page.get_by_placeholder("name of a class")
    for name in "quiet 1", "<b>busy</b>":
        field.click()
        app.page.keyboard.type(name)
        time.sleep(1)  # a click overtakes what was typed just before it
        app.page.get_by_role("button", name="add class").click()
        wait_for(lambda name=name: name in texts(app), 20, f"no class {name}")
        wait_for(lambda: field.input_value() == "", 20, "the field keeps the name")
        app.finish(1)
    assert "0 of 120 windows have a label" in texts(app), "a key in a field was taken for a mark"
    app.page.get_by_role("button", name="select none").click()
    for key, n in ("1", 1), ("1", 2), ("2", 3), ("u", 2), ("r", 3), ("ArrowRight", 3), ("2", 4):
        app.page.keyboard.press(key)
        wait_for(lambda n=n: f"{n} of 120 windows have a label" in texts(app), 20, f"not {n} labels after {key}")
    app.shot("06-labels")
    bars = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap(p => p._fullLayout.shapes || [])
        .filter(s => s.name === 'label').length"""
    wait_for(lambda: app.page.evaluate(bars), 20, "no bar above the channels")
    app.page.keyboard.press("s")
    app.page.get_by_role("button", name="probe these labels").click()
    wait_for(lambda: "mark at least 4" in "".join(app.page.get_by_role("alert").all_inner_texts()), 20, "no advice")
    select = app.page.get_by_role("button", name="save labels")
    select.press("Enter")
    path = app.work / "explored" / "eeg_cvep.labels.csv"
    wait_for(path.is_file, 20, "no labels were written")
    assert path.read_text().startswith("onset,duration,label"), path.read_text()


def labels_in_both_sizes_and_themes(app):
    "The panel of labels fits, small and large, on a light and a dark page."
    app.show_panel("Labels")
    for theme in "Light", "Dark":
        app.page.evaluate(
            f"() => window.jupyterapp.commands.execute('apputils:change-theme', {{theme: 'JupyterLab {theme}'}})"
        )
        for width, height in (1000, 800), (1400, 900):
            app.page.set_viewport_size(dict(width=width, height=height))
            time.sleep(1.5)
            wide = app.page.evaluate(
                "() => [...document.querySelectorAll('.spotr-explorer button')].filter(b => b.offsetParent && b.scrollWidth > b.clientWidth + 1).map(b => b.innerText)"
            )
            assert not wide, f"texts of buttons are cut at {width} pixels: {wide}"
            app.shot(f"06-labels-{theme.lower()}-{width}")
    app.page.set_viewport_size(dict(width=1400, height=1100))
    app.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'})")


def wrong_file_is_named(app):
    "A path that leads nowhere is a message, and the view stays."
    before = app.look()
    field = app.page.get_by_placeholder("or a file")
    field.fill("nowhere.edf")
    field.press("Enter")
    wait_for(lambda: "nowhere.edf" in "".join(app.page.get_by_role("alert").all_inner_texts()), 20, "no message")
    assert app.look()["rows"] == before["rows"]


def stops_and_resumes(app):
    "A long embedding shows its progress, is stopped by its button, and resumed by another."
    app.choose("recording", "hours")
    stop = app.page.get_by_title("stop filtering or embedding")
    wait_for(lambda: app.page.get_by_text("embedding", exact=True).locator("visible=true").count(), 60, "no progress")
    time.sleep(0.5)
    app.shot("10-working")
    stop.press("Enter")
    wait_for(lambda: "resume" in "".join(app.page.get_by_role("alert").all_inner_texts()), 30, "it does not stop")
    stopped = app.settled(app.look())
    assert len(stopped["rows"]) == 1 and stopped["marks"] and not app.page.get_by_text("6,400 windows").count()
    app.page.get_by_role("button", name="resume").press("Enter")
    wait_for(
        lambda: (now := app.look()) and now["marks"] == 700 and app.page.get_by_text("6,400 windows").count() and now,
        120,
        "it does not resume",
    )


def dark(app):
    "Nothing is drawn in a colour that vanishes on a dark page."
    app.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    app.change(lambda: app.choose("recording", "ecg_mitbih_100"), lambda seen: len(seen["rows"]), 120)
    app.show_panel("Map")
    app.settled(wait_for(lambda: (now := app.look()) and now["points"] == now["marks"] == 602 and now, 40, "no map"))
    wait_for(lambda: set(app.look()["width"]) <= {0}, 10, "a figure is narrower than its place")
    colours = app.page.evaluate(
        "() => [...document.querySelectorAll('.js-plotly-plot .main-svg')].map(svg => svg.style.background)"
    )
    assert all(colour in ("rgba(0, 0, 0, 0)", "none", "") for colour in colours), colours
    app.shot("11-dark")


def keyboard_reaches(app):
    "Every control can be reached with the Tab key."
    unreachable = app.page.evaluate(
        "() => [...document.querySelectorAll('.jp-OutputArea .widget-vbox button, .jp-OutputArea .widget-vbox select, .jp-OutputArea .widget-vbox input, .jp-OutputArea .widget-vbox .noUi-handle')].filter(e => e.offsetParent && !e.disabled && e.tabIndex < 0).map(e => e.outerHTML.slice(0, 80))"
    )
    assert not unreachable, unreachable[:4]


def survives_restart(app):
    "After the kernel was restarted the cell shows the same recording, the same selection, the same view."
    app.change(lambda: app.choose("select", "largest errors (10 %)"), lambda seen: seen["highlighted"])
    before = app.settled(app.look())
    time.sleep(1)
    app.page.evaluate(
        "async () => { await window.jupyterapp.shell.currentWidget.sessionContext.restartKernel(); await window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs') }"
    )
    assert not app.look()["rows"]
    app.page.evaluate(run_all)
    seen = app.settled(
        wait_for(lambda: (now := app.look()) and now["points"] and now["rows"] and now, 120, "nothing comes back")
    )
    assert (
        seen["highlighted"] == before["highlighted"]
        and seen["range"] == before["range"]
        and seen["rows"] == before["rows"]
    )
    app.shot("12-restarted")


def quick_enough(app):
    "Changes are seen soon."
    waits = sorted(app.waits)
    print(
        f"    from input to plot: median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.2f} s (keys, other recordings and settling included)"
    )
    assert waits[len(waits) // 2] < 4


checks = (
    opens,
    map_selects_in_recording,
    recording_selects_on_map,
    keys_select,
    dragging_moves_recording,
    redraws_quickly,
    move_changes_reconstruction,
    dimension_moves_too,
    time_moves_window,
    finds_neighbours,
    ranks_anomalies,
    errors_and_spectra,
    saves,
    opens_at_its_best,
    labels_by_keys,
    labels_in_both_sizes_and_themes,
    annotations_follow_recording,
    mixed_file_switches,
    gain_changes_scale,
    overviews,
    compares_models,
    hovering_shows_waveform,
    twenty_channels_on_one_screen,
    two_side_by_side,
    resizes,
    blank_figure_comes_back,
    slow_browser_keeps_figures,
    wrong_file_is_named,
    stops_and_resumes,
    dark,
    keyboard_reaches,
    survives_restart,
    quick_enough,
)


def write_notebook(path):
    "A notebook with the one cell."
    content = {
        "cells": [
            {
                "cell_type": "code",
                "id": "explore",
                "metadata": {},
                "source": cell,
                "outputs": [],
                "execution_count": None,
            }
        ],
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    }
    path.write_text(json.dumps(content))


def explorer(shots, tally, only=()):
    "Open a notebook with the explorer, and make all checks on it, or only some."
    chromium()
    with tempfile.TemporaryDirectory() as folder:
        work, home = Path(folder) / "work", Path(folder) / "home"
        work.mkdir(), home.mkdir()
        write_notebook(work / "explore.ipynb")
        model = model_folder(home)
        with (
            jupyter_lab(work, home, SPOTR_MODEL=str(model)) as address,
            open_page(address) as (page, elsewhere, errors),
        ):
            page.goto(f"{address}/lab/tree/explore.ipynb?token={token}&reset")
            page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=90_000)
            page.evaluate(run_all)
            app = App(page, shots, work)
            for check in [check for check in checks if check is opens or not only or check.__name__ in only]:
                tally.check(f"explorer: {check.__doc__.splitlines()[0]}", lambda check=check: app.check(check))
            tally.check("explorer: no request to another host", lambda: expect_none(elsewhere))
            tally.check("explorer: no error on the page", lambda: expect_none(errors))
            tally.check("explorer: no cell failed", lambda: expect_none(page.evaluate(has_error)))
        if not only:
            tally.check(
                "the report opens from a disk, with all its figures",
                lambda: report(model, Path(folder) / "report.html", shots),
            )


def report(model, path, shots):
    "Write a report and open it without a server."
    program = (
        "import sys\nfrom spotr_nb.explorer.session import Session\nfrom spotr_nb.explorer.report import recording_report\n"
        "session = Session(sys.argv[1], 'eeg_cvep', 3.); session.open('eeg_cvep'); recording_report(session, sys.argv[2])\n"
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(model), str(path)],
        cwd=root,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)},
        check=True,
    )
    assert path.stat().st_size < 3_000_000, path.stat().st_size
    with open_page(f"file://{path}") as (page, elsewhere, errors):
        page.goto(f"file://{path}")
        page.wait_for_selector("body[data-drawn]", timeout=90_000)
        figures = page.evaluate(
            "() => [...document.querySelectorAll('figure')].map(f => f._fullData ? f._fullData.length : 0)"
        )
        assert len(figures) == 12 and all(figures), figures
        assert not elsewhere and not errors, (elsewhere, errors)
        if shots:
            page.screenshot(path=shots / "13-report.png", full_page=True)


def expect_none(found):
    "Nothing in this list."
    assert not found, found


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--shots", type=Path, help="a folder for screenshots")
    args.add_argument(
        "--only",
        nargs="+",
        default=[],
        choices=[check.__name__ for check in checks],
        help="these checks of the explorer, nothing else",
    )
    args, tally = args.parse_args(), Tally()
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    if not args.only:
        tally.check("the site's pages in Chromium request nothing from other hosts", lambda: site_pages(root / "_site"))
    if not args.only:
        tally.check("names that try to run as code are text", lambda: hostile_names(args.shots))
        tally.check("the site's search and page list", lambda: site_search(root / "_site"))
    tally.check("the explorer opens in JupyterLab, and closes", lambda: explorer(args.shots, tally, args.only))
    print(tally)
    sys.exit(bool(tally.failed or not tally.passed))
