"""What only a browser can tell: the site's pages, and the explorer in a real JupyterLab, in headless Chromium.

JupyterLab starts with a configuration of its own, opens a copy of the tutorial, runs all its cells; then a slider
that changes the token must change the reconstruction on the screen, and leave the original alone.
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
traces = """name => { const plot = [...document.querySelectorAll('.jp-OutputArea .js-plotly-plot')].find(p => p._fullData);
    return plot ? plot._fullData.filter(t => (t.name || '').toLowerCase().includes(name)).map(t => Array.from(t.y || [])) : [] }"""
run_all = """async () => { const app = window.jupyterapp; await app.restored; const panel = app.shell.currentWidget;
    await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
    await app.commands.execute('runmenu:run-all') }"""


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
        page, elsewhere, errors = browser.new_page(viewport={"width": 1400, "height": 1000}), [], []
        page.on("request", lambda request: None if request.url.startswith((here, here.replace("http", "ws"), "data:", "blob:")) else elsewhere.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)[:300]))
        yield page, elsewhere, errors
        browser.close()


def site_pages(site):
    "Open every page of the site and see whom it asks."
    if not (site / "index.html").exists(): raise Skip("there is no site: make docs")
    with open_page(f"file://{site}") as (page, elsewhere, errors):
        for path in sorted(site.rglob("*.html")):
            page.goto(f"file://{path}")
            page.wait_for_load_state("networkidle")
            assert not elsewhere, f"{path.relative_to(site)} asked {elsewhere}"
            assert not errors, f"{path.relative_to(site)} has errors: {errors}"


def free_port():
    "A port nobody listens on."
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def jupyter_lab(folder, home):
    "JupyterLab serving `folder`, with settings and kernels of nobody but this environment; yields its address."
    settings = home / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    places = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "share", "JUPYTER_RUNTIME_DIR": "runtime", "JUPYTERLAB_SETTINGS_DIR": "settings",
              "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "IPYTHONDIR": "ipython"}
    environment = os.environ | {name: str(home / place) for name, place in places.items()} | {"JUPYTER_PLATFORM_DIRS": "1", "OMP_NUM_THREADS": "1"}
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
        time.sleep(0.25)
    raise AssertionError(f"{otherwise} after {seconds} s")


def drawn(page):
    "The original and the reconstruction as the first figure shows them, or nothing before they are drawn."
    original, reconstruction = page.evaluate(traces, "original"), page.evaluate(traces, "reconstruction")
    return (original, reconstruction) if original and reconstruction else None


def label(slider):
    "What stands before a slider."
    return slider.evaluate("s => (s.querySelector('.widget-label') || {}).textContent || ''")


def moves_reconstruction(page, slider):
    "Whether moving this slider changes the reconstruction and leaves the original as it was."
    before = drawn(page)
    slider.locator(".noUi-handle").first.focus()
    for _ in range(8): page.keyboard.press("ArrowRight")
    try: wait_for(lambda: (now := drawn(page)) and now[1] != before[1], 15, "the reconstruction stays as it is")
    except AssertionError: return False
    return drawn(page)[0] == before[0]


def explorer(notebook, screenshot):
    "Open a copy of the notebook, run it, move the token, look."
    if not notebook.exists(): raise AssertionError(f"there is no {notebook.relative_to(root)}")
    chromium()
    with tempfile.TemporaryDirectory() as folder:
        work, home = Path(folder) / "work", Path(folder) / "home"
        work.mkdir(), home.mkdir()
        shutil.copy(notebook, work)
        with jupyter_lab(work, home) as address, open_page(address) as (page, elsewhere, errors):
            page.goto(f"{address}/lab/tree/{notebook.name}?token={token}&reset")
            page.wait_for_selector(".jp-NotebookPanel .jp-Notebook .jp-Cell", timeout=90_000)
            page.evaluate(run_all)
            wait_for(lambda: drawn(page), 180, "no figure with an original and a reconstruction")
            sliders = page.locator(".widget-slider").all()
            assert sliders, "there is no slider"
            sliders.sort(key=lambda slider: not any(word in label(slider).lower() for word in ("token", "dimension", "value")))
            moved = next((slider for slider in sliders if moves_reconstruction(page, slider)), None)
            page.screenshot(path=screenshot)
            assert moved, f"none of the sliders {[label(slider) for slider in sliders]} changes the reconstruction alone"
            print(f"    moved {label(moved)!r}; screenshot: {screenshot}")
            assert not elsewhere, f"requests to other hosts: {elsewhere}"
            assert not errors, f"errors on the page: {errors}"


if __name__ == "__main__":
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--notebook", type=Path, default=root / "nbs" / "tutorials" / "explore.ipynb")
    args.add_argument("--screenshot", type=Path, default=Path(tempfile.gettempdir()) / "spotr-explorer.png")
    args, tally = args.parse_args(), Tally()
    tally.check("the site's pages in Chromium ask nobody else", lambda: site_pages(root / "_site"))
    tally.check("the explorer in JupyterLab: the token's slider changes the reconstruction", lambda: explorer(args.notebook.resolve(), args.screenshot))
    print(tally)
    sys.exit(bool(tally.failed or not tally.passed))
