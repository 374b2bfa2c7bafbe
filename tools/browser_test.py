"""What only a browser can tell: the site's pages, and the explorer in a real JupyterLab, in headless Chromium.

JupyterLab starts with a configuration of its own, opens a copy of the tutorial and runs all its cells; then keys are
pressed and choices made as a person would, and what is drawn is read from the plot. The model is the one that
$SPOTR_MODEL names, or the one in demo/model, or one that is pretrained here for some seconds.
"""
import argparse
import json
import os
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

flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
token = "spotr"
run_all = """async () => { const app = window.jupyterapp; await app.restored; const panel = app.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    await app.commands.execute('runmenu:run-all') }"""
look = """() => { const plot = [...document.querySelectorAll('.js-plotly-plot')].find(p => p.data && p.data.some(t => t.name === 'before moving'));
    if (!plot || !plot._fullLayout) return null;
    const of = name => plot._fullData.filter(t => t.name === name).map(t => Array.from(t.y || [], v => Number.isFinite(v) ? v : null));
    return { original: of('original'), reconstruction: of('reconstruction'), before: of('before moving'),
        lines: plot.querySelectorAll('.scatterlayer .trace path.js-line').length,
        range: Array.from(plot._fullLayout.xaxis.range), errors: plot._fullLayout.annotations.filter(a => (a.name || '').startsWith('error')).map(a => a.text) } }"""
widths = "() => [...document.querySelectorAll('.jupyter-widgets .js-plotly-plot')].map(p => p.clientWidth - p._fullLayout.width)"
has_error = "[...document.querySelectorAll('.jp-OutputArea-output[data-mime-type=\"application/vnd.jupyter.stderr\"], .jp-RenderedText[data-mime-type*=error]')].map(e => e.textContent)"


# ---- browser and server

def chromium():
    "Chromium's path, or why there is no test."
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found: raise Skip("there is no Chromium here: apt-get install chromium")
    return found


@contextmanager
def open_page(here):
    "A fresh page with two lists that fill as it is used: requests to other hosts than `here`, and errors."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), headless=True, args=flags)
        page, elsewhere, errors = browser.new_page(viewport={"width": 1400, "height": 1100}), [], []
        page.on("request", lambda request: None if request.url.startswith((here, here.replace("http", "ws"), "data:", "blob:")) else elsewhere.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)[:300]))
        yield page, elsewhere, errors
        browser.close()


def free_port():
    "A port nobody listens on."
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answers(address):
    "Whether something answers there."
    try: return bool(urllib.request.urlopen(address, timeout=2))
    except OSError: return False


def wait_for(condition, seconds, otherwise):
    "Ask until `condition` holds; its value."
    end = time.time() + seconds
    while time.time() < end:
        found = condition()
        if found: return found
        time.sleep(0.05)
    raise AssertionError(f"{otherwise} after {seconds} s")


@contextmanager
def jupyter_lab(folder, home, **variables):
    "JupyterLab serving `folder`, with settings and kernels of nobody but this environment; yields its address."
    settings = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "share", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
              "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    environment = os.environ | {name: str(home / place) for name, place in places.items()} | {"JUPYTER_PLATFORM_DIRS": "1", "OMP_NUM_THREADS": "1"} | variables
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    address = f"http://127.0.0.1:{free_port()}"
    with open(home / "lab.log", "w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={address.rsplit(':')[-1]}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly", "--expose-app-in-browser"], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: answers(f"{address}/api/status?token={token}") or server.poll() is not None, 120, "JupyterLab does not answer")
        yield address
    except Exception as error:
        raise AssertionError(f"{error}\nJupyterLab said:\n{(home / 'lab.log').read_text()[-3000:]}") from error
    finally:
        server.terminate()
        server.wait(30)


def model_folder(home):
    "A model to explore: a given one, the demo's, or a small one pretrained now."
    given = os.environ.get("SPOTR_MODEL") or root / "demo" / "model"
    if (Path(given) / "config.json").is_file(): return Path(given).resolve()
    program = ("import sys\nfrom spotr_nb import Corpus, SpotrConfig, load_sample, pretrain\nfrom spotr_nb.pretraining import Recipe\n"
               "corpus = Corpus.build([load_sample('ecg_mitbih_208'), load_sample('ppg_finger_ear')], sys.argv[1] + '/corpus', progress=False)\n"
               "pretrain(SpotrConfig(dim=64, n_heads=4, n_blocks=1, render_dim=64, n_render_blocks=2), corpus, sys.argv[1] + '/run', Recipe(steps=120, batch_size=16, lr=3e-3), device='cpu', progress=False)\n")
    subprocess.run([sys.executable, "-W", "ignore", "-c", program, str(home)], cwd=root, env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root)}, check=True)
    return home / "run" / "model"


# ---- the site

def site_pages(site):
    "Open every page of the site and see whom it asks."
    if not (site / "index.html").exists(): raise Skip("there is no site: make docs")
    with open_page(f"file://{site}") as (page, elsewhere, errors):
        for path in sorted(site.rglob("*.html")):
            page.goto(f"file://{path}", timeout=120_000)       # a busy machine may starve Chromium for a while
            page.wait_for_load_state("networkidle")
            assert not elsewhere, f"{path.relative_to(site)} asked {elsewhere}"
            assert not errors, f"{path.relative_to(site)} has errors: {errors}"


# ---- the explorer

class App:
    "The explorer on a page, used with keys and choices."

    def __init__(self, page, shots):
        self.page, self.shots, self.waits = page, shots, []

    def look(self):
        "What the plot shows: y of its traces, its range in time, the errors beside it; None before it is drawn."
        seen = self.page.evaluate(look)
        return seen if seen and seen["original"] and seen["lines"] else None

    def change(self, do, what, seconds=20):
        "Do something and wait until what `what` picks from the plot is another; before and after."
        before, began = self.look(), time.time()
        do()
        after = wait_for(lambda: (now := self.look()) and what(now) != what(before) and now, seconds, "what is drawn stays as it is")
        self.waits.append(time.time() - began)
        return before, self.settled(after)

    def settled(self, seen):
        "What is drawn once nothing moves any more."
        for _ in range(40):
            time.sleep(0.25)
            again = self.look()
            if again == seen: return again
            seen = again or seen
        raise AssertionError("the plot does not come to rest")

    def press(self, label, key, times=1):
        "Press a key on the slider of that name."
        slider = self.page.locator(".widget-slider", has=self.page.locator(".widget-label", has_text=label)).first
        slider.locator(".noUi-handle").first.focus()
        for _ in range(times): self.page.keyboard.press(key)

    def choose(self, label, value):
        "Choose from the drop-down list of that name."
        self.page.locator(".widget-dropdown", has=self.page.locator(".widget-label", has_text=label)).first.locator("select").select_option(label=value)

    def shot(self, name):
        "A picture, if a folder for pictures was given."
        if not self.shots: return
        self.page.locator(".js-plotly-plot").first.evaluate("p => p.closest('.jp-Cell').scrollIntoView()")
        time.sleep(0.5)
        self.page.screenshot(path=self.shots / f"{name}.png")


def drawn(app):
    "Original and reconstruction are there, one of each in every row."
    seen = wait_for(app.look, 240, "no figure with an original and a reconstruction")
    seen = app.settled(seen)
    assert len(seen["original"]) == len(seen["reconstruction"]) == len(seen["errors"]) >= 1, seen["errors"]
    assert seen["before"] == seen["reconstruction"], "nothing has moved, but the drawing before moving is another one"
    assert all(len(y) > 100 for y in seen["original"] + seen["reconstruction"])
    assert seen["original"] != seen["reconstruction"]


def fills_its_place(app):
    "Both figures of the app are as wide as their places."
    wait_for(lambda: app.page.evaluate(widths) == [0, 0], 10, "a figure is narrower than its place")
    app.shot("1-opened")


def move_changes_reconstruction(app):
    "The slider, by keyboard: another reconstruction, the same original; the errors say both; the old drawing stays to be seen."
    before, after = app.change(lambda: app.press("by", "ArrowRight", 20), lambda seen: seen["reconstruction"])
    assert after["original"] == before["original"], "the original moved too"
    assert after["before"] == before["reconstruction"], "what is shown as the drawing before the move is another one"
    assert all("→" in text for text in after["errors"]), after["errors"]
    app.shot("2-moved")


def reset_puts_back(app):
    "Reset gives the drawing of the unmoved token."
    button = app.page.get_by_title("put the token back")
    before, after = app.change(button.click, lambda seen: seen["reconstruction"])
    assert after["reconstruction"] == before["before"]
    assert not any("→" in text for text in after["errors"]), after["errors"]


def dimension_moves_too(app):
    "A single dimension, chosen from the list."
    app.choose("move along", "dimension")
    wait_for(lambda: app.page.get_by_text("token[0]").count(), 10, "the dimension is not named")
    before, after = app.change(lambda: app.press("by", "ArrowRight", 30), lambda seen: seen["reconstruction"])
    assert after["original"] == before["original"]
    app.change(app.page.get_by_title("put the token back").click, lambda seen: seen["reconstruction"])


def strip_chooses_dimension(app):
    "A click on a cell of the token chooses that dimension."
    strip = app.page.locator(".js-plotly-plot", has=app.page.locator(".heatmaplayer")).first.locator(".nsewdrag").first
    box = strip.bounding_box()
    app.page.mouse.move(box["x"] + box["width"] / 2 - 3, box["y"] + box["height"] / 2)
    app.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    time.sleep(0.3)
    app.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    number = app.page.locator("input[type=number]").first
    wait_for(lambda: int(number.input_value()) > 20, 10, "the click chooses no dimension")
    app.choose("move along", "principal direction")


def time_moves_window(app):
    "The time slider shows another window, and its errors."
    before, after = app.change(lambda: app.press("time", "PageUp", 3), lambda seen: (seen["original"], seen["range"]))
    assert after["range"][0] > before["range"][0] and abs((after["range"][1] - after["range"][0]) - (before["range"][1] - before["range"][0])) < 1e-6
    assert after["original"] != before["original"] and after["errors"] != before["errors"], after["errors"]


def recording_changes(app):
    "Another recording: other channels, another original."
    before, after = app.change(lambda: app.choose("recording", "eeg_cvep"), lambda seen: seen["original"], 60)
    assert len(after["original"]) == 6, len(after["original"])
    assert app.page.get_by_text("EEG · 8 channels").count() == 1
    app.shot("3-eeg")


def channels_change(app):
    "Two channels of it: two rows, those that were chosen."
    eight = app.page.locator(".widget-select-multiple select, select[multiple]").first
    before, after = app.change(lambda: eight.select_option(label=["O1", "Oz"]), lambda seen: len(seen["original"]), 30)
    assert after["original"] == [before["original"][2], before["original"][4]]


def wrong_file_is_named(app):
    "A path that leads nowhere is a message, and the view stays."
    before = app.look()
    field = app.page.get_by_placeholder("or a file")
    field.fill("nowhere.edf")
    field.press("Enter")
    wait_for(lambda: "nowhere.edf" in "".join(app.page.get_by_role("alert").all_inner_texts()), 10, "no message")
    assert app.look() == before
    app.shot("4-message")


def dark(app):
    "Nothing is drawn in a colour that vanishes on a dark page."
    app.page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    app.change(lambda: app.choose("recording", "ecg_mitbih_100"), lambda seen: seen["original"], 60)
    app.change(lambda: app.press("by", "ArrowLeft", 15), lambda seen: seen["reconstruction"])
    colours = app.page.evaluate("() => [...document.querySelectorAll('.js-plotly-plot .main-svg')].map(svg => svg.style.background)")
    assert all(colour in ("rgba(0, 0, 0, 0)", "none", "") for colour in colours), colours
    app.shot("5-dark")


def quick_enough(app):
    "Changes are seen soon."
    waits = sorted(app.waits)
    print(f"    from key to plot: median {waits[len(waits) // 2]:.2f} s, longest {waits[-1]:.2f} s (keys and recordings included)")
    assert waits[len(waits) // 2] < 3


checks = (drawn, fills_its_place, move_changes_reconstruction, reset_puts_back, dimension_moves_too, strip_chooses_dimension, time_moves_window, recording_changes, channels_change, wrong_file_is_named, dark, quick_enough)


def explorer(notebook, shots, tally):
    "Open a copy of the notebook, run it, and make all checks on it."
    if not notebook.exists(): raise AssertionError(f"there is no {notebook.relative_to(root)}")
    chromium()
    with tempfile.TemporaryDirectory() as folder:
        work, home = Path(folder) / "work", Path(folder) / "home"
        work.mkdir(), home.mkdir()
        shutil.copy(notebook, work)
        with jupyter_lab(work, home, SPOTR_MODEL=str(model_folder(home))) as address, open_page(address) as (page, elsewhere, errors):
            page.goto(f"{address}/lab/tree/{notebook.name}?token={token}&reset")
            page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=90_000)
            page.evaluate(run_all)
            app = App(page, shots)
            for check in checks: tally.check(f"explorer: {check.__doc__.splitlines()[0]}", lambda check=check: check(app))
            tally.check("explorer: no request to another host", lambda: expect_none(elsewhere))
            tally.check("explorer: no error on the page", lambda: expect_none(errors))
            tally.check("explorer: no cell failed", lambda: expect_none(page.evaluate(has_error)))


def expect_none(found):
    "Nothing in this list."
    assert not found, found


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--notebook", type=Path, default=root / "nbs" / "tutorials" / "explore.ipynb")
    args.add_argument("--shots", type=Path, help="a folder for screenshots")
    args, tally = args.parse_args(), Tally()
    if args.shots: args.shots.mkdir(parents=True, exist_ok=True)
    tally.check("the site's pages in Chromium ask nobody else", lambda: site_pages(root / "_site"))
    tally.check("the explorer opens in JupyterLab, and closes", lambda: explorer(args.notebook.resolve(), args.shots, tally))
    print(tally)
    sys.exit(bool(tally.failed or not tally.passed))
