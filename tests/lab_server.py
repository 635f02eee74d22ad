"""A real JupyterLab in a folder, driven by a headless Chromium: for the browser tests and the benchmark of painted frames.

Nothing here measures time: what is waited for may take PATIENCE seconds, so that a busy machine changes no result.

    with lab(tmp_path) as server, chromium() as browser:
        page = server.open_notebook(browser, "wild_mnist.ipynb")
        server.run_all(page)
        page.wait_for_function(f"{THEATRE}.state().painted > 10")
"""
import json, os, shutil, subprocess, sys, tempfile, threading, time, urllib.request
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat, pytest

PATIENCE = 300  # seconds to wait for what must come

ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
THEATRE = "document.querySelector('.fnb').theatre"  # the first theatre of the page: state(), goto(i), play(), pause(), painted
STUDIO = "document.querySelector('.fst').studio"     # the first AU studio of the page: state(), desk
NOISE = (  # console errors of JupyterLab itself, without a word about us
    "favicon",
    "Failed to load resource: the server responded with a status of 404",   # workspace and settings files that do not exist yet
    "Failed to load resource: the server responded with a status of 403",   # the news feed, switched off
    "Failed to execute 'removeChild' on 'Node'",                             # its windowed notebook (jupyterlab issue 15415); our page never calls it
    '"stream.stderr" is not valid JSON',                                     # seen once: frames of two messages of a kernel mixed (ipykernel), as another lab was opened
    "webgl", "WebGL",                                                       # no graphics card
)


def find_chromium():
    "A Chromium: the system's or Playwright's own; without one skip the test, or fail it where CI is set."
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        from playwright.sync_api import sync_playwright
        with sync_playwright() as p: found = p.chromium.executable_path if Path(p.chromium.executable_path).exists() else None
    if found is None: (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium found: `make browser` installs one")
    return found


@contextmanager
def chromium(*more):
    "A headless browser with a new profile, started with more arguments."
    pytest.importorskip("playwright")
    from playwright.sync_api import Page, sync_playwright
    Page.wait_for_function.__kwdefaults__["polling"] = 100 # ms; asked at every frame, a page that waits paints all the time
    path = find_chromium()
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=path, args=[*ARGS, *more])
        yield browser
        browser.close()


@contextmanager
def served(folder, headers=()):
    "The folder as a plain server of files hands it out, with more headers (a dict) or none."
    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *said): pass
        def copyfile(self, *files):
            with suppress(ConnectionError): super().copyfile(*files)                # the page was closed meanwhile
        def end_headers(self):
            for name, value in dict(headers).items(): self.send_header(name, value)
            super().end_headers()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Server:
    "A JupyterLab; `prefix` is the folder below its root in which notebooks are opened."
    def __init__(self, url, token, folder, prefix=""): self.url, self.token, self.folder, self.prefix, self.errors = url, token, Path(folder), prefix, []

    def note(self, error): self.errors += [] if any(n in error for n in NOISE) else [error]

    @contextmanager
    def room(self, name):
        "A folder of its own in the same JupyterLab, with errors of its own; at the end its kernels go."
        while (self.folder / name).exists(): name += "_" # tests of a module may come in two goes
        (self.folder / name).mkdir()
        room = Server(self.url, self.token, self.folder / name, f"{self.prefix}{name}/")
        yield room
        room.end_kernels()

    def end_kernels(self):
        "End all kernels of this JupyterLab."
        for kernel in self._call("GET", "api/kernels"): self._call("DELETE", f"api/kernels/{kernel['id']}")

    def _call(self, method, path):
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request) as reply: return json.loads(reply.read() or "null")

    def open_notebook(self, browser, path, width=1280, height=1000, dark=False):
        "A page with the notebook open and its kernel ready."
        page = browser.new_page(viewport=dict(width=width, height=height))
        page.set_default_timeout(PATIENCE * 1000)
        page.on("console", lambda m: m.type == "error" and self.note(f"{m.text} {m.location}"))
        page.on("pageerror", lambda e: self.note(f"{e} {e.stack}"))
        page.goto(f"{self.url}lab/tree/{self.prefix}{path}?reset&token={self.token}")
        page.locator(".jp-NotebookPanel .jp-Notebook").wait_for()
        self.wait_idle(page)
        if dark: self.theme(page, dark)
        return page

    def open_again(self, page, path):
        "The notebook in the same page, by its address: what a reload shows depends on where JupyterLab's layout stood."
        page.goto(f"{self.url}lab/tree/{self.prefix}{path}")

    def next_notebook(self, page, path):
        "Another notebook in the same page; the one before and its kernel go."
        page.evaluate("""async path => {
            const { commands, shell } = window.jupyterapp, last = shell.currentWidget;
            await last.sessionContext.shutdown();
            last.content.model.dirty = false;                                     // nobody is asked whether to save it
            last.close();
            await commands.execute("docmanager:open", { path });
            return null;
        }""", self.prefix + path)
        page.locator(".jp-NotebookPanel .jp-Notebook").wait_for()
        self.wait_idle(page)

    def wait_idle(self, page):
        "Wait until the notebook's kernel is there and has nothing to do."
        page.wait_for_function("""() => {
            const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
            return context?.isReady && context.session?.kernel?.status === "idle";
        }""")

    def command(self, page, name, **args): page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args); }", [name, args])

    def run_all(self, page):
        "Run → Run All Cells, as a reader would."
        page.locator(".lm-MenuBar-itemLabel", has_text="Run").first.click()
        page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()

    def start_all(self, page):
        "Run All Cells; `finished` waits for the last of them."
        page.evaluate("""() => {
            window.ended = false;
            window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.ended = true; });
        }""")

    def finished(self, page):
        "The notebook as it is saved when its last cell has run, or one has failed."
        page.wait_for_function("window.ended", timeout=0, polling=1000)
        self.save(page)
        path = page.evaluate("window.jupyterapp.shell.currentWidget.context.path")
        return nbformat.read(self.folder / path.removeprefix(self.prefix), 4)

    def run_cell(self, page, source):
        "Add a cell at the end, run it, and return the text it prints."
        return self.start_cell(page, source)()

    def start_cell(self, page, source):
        "Add a cell at the end and run it; returns a function that waits for what it prints."
        n = page.locator(".jp-Notebook .jp-CodeCell").count()
        self.command(page, "notebook:move-cursor-down")
        page.evaluate("""async source => {
            const { commands, shell } = window.jupyterapp, notebook = shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await commands.execute("notebook:insert-cell-below");
            notebook.activeCell.model.sharedModel.setSource(source);
            notebook.mode = "command";
            commands.execute("notebook:run-cell");
        }""", source)
        def printed():
            cell = page.locator(".jp-Notebook .jp-CodeCell").nth(n)
            cell.locator(".jp-OutputArea-output pre").first.wait_for(state="attached")
            return cell.locator(".jp-OutputArea-output").all_inner_texts()[0].strip()
        return printed

    def save(self, page):
        "Save the notebook, and wait until it is saved."
        self.command(page, "docmanager:save")
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")

    def theme(self, page, dark): self.command(page, "apputils:change-theme", theme="JupyterLab Dark" if dark else "JupyterLab Light")


@contextmanager
def lab(folder, config=""):
    "A JupyterLab that serves `folder` and keeps its own settings (`config`: lines of its configuration); its token stays on."
    home = Path(tempfile.mkdtemp(prefix="fer_nb_lab_"))
    (home / "config").mkdir()
    (home / "config/jupyter_server_config.py").write_text(config)
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    env = {**os.environ, "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "JUPYTER_CONFIG_DIR": str(home / "config"), "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
           "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"), "IPYTHONDIR": str(home / "ipython"), "JUPYTER_PLATFORM_DIRS": "1"}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser", f"--ServerApp.root_dir={folder}"]
    if hasattr(os, "geteuid") and os.geteuid() == 0: command.append("--allow-root")
    with open(home / "log", "wb") as log: process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        info, end = home / "runtime" / f"jpserver-{process.pid}.json", time.monotonic() + PATIENCE
        while not info.exists():
            assert process.poll() is None and time.monotonic() < end, (home / "log").read_text()[-2000:]
            time.sleep(0.1)
        time.sleep(0.1)
        data = json.loads(info.read_text())
        yield Server(data["url"], data["token"], folder)
    finally:
        process.terminate()
        try: process.wait(15)
        except subprocess.TimeoutExpired: process.kill(); process.wait()
        shutil.rmtree(home, ignore_errors=True)


def animation_frames(page, n=2):
    "Let the page draw n pictures."
    page.evaluate("n => new Promise(done => { const tick = () => { n-- > 0 ? requestAnimationFrame(tick) : done(); }; tick(); })", n)


def sticking_out(page, selector, width):
    "The class names of what sticks out of a widget that is `width` pixels wide."
    return page.evaluate("""async ([selector, width]) => {
        const root = document.querySelector(selector), parent = root.parentElement;
        parent.style.width = `${width}px`;
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        const right = root.getBoundingClientRect().right + 1;
        const out = [...root.querySelectorAll("*")].filter(e => e.offsetParent && e.getBoundingClientRect().right > right).map(e => e.className);
        parent.style.width = "";
        return out;
    }""", [selector, width])


def theatre_state(page): return page.evaluate(f"{THEATRE}.state()")


def wait_theatre(page, condition):
    "Wait until something holds for the state s of the page's first theatre."
    page.wait_for_function(f"() => {{ const s = document.querySelector('.fnb')?.theatre?.state(); return s && ({condition}); }}")


def last_frame(room, page):
    "Wait until the training of the first theatre, `stage`, has ended its step and the page shows what came of it; gives the number of frames."
    n = int(room.run_cell(page, "stage._trainer.join(); print(len(stage.runs[0]))"))
    page.locator(".fnb").scroll_into_view_if_needed()                               # out of sight it rests
    wait_theatre(page, f"s.frames[0] === {n} && s.pos === {n - 1}")
    return n


def stop(room, page):
    "End the training of the first theatre, `stage`."
    page.locator(".fnb").get_by_role("button", name="Stop", exact=True).click()
    wait_theatre(page, "!s.status.running && s.status.stopped")
    last_frame(room, page)


def live(page, values):
    "The theatre as a reader finds it, whatever was done to it before: it trains with these values, shows the newest frame, and nothing is open."
    wait_theatre(page, "s.frames[0] > 0")
    page.locator(".fnb").focus()
    for _ in range(3): page.keyboard.press("Escape")                                # a question, the drawer, a lesson
    status = theatre_state(page)["status"]
    if not status["running"] or status["values"] != values:
        for name in ("Settings", "Reset", "Restart", "Settings"): page.locator(".fnb").get_by_role("button", name=name, exact=True).click()
        wait_theatre(page, f"s.generation > {status['generation']}")
    page.locator(".fnb").focus()
    page.keyboard.press("End")
    wait_theatre(page, "s.follow && s.status.running && s.frames[0] > 2")
    assert theatre_state(page)["status"]["values"] == values


def wait_studio(page, condition):
    "Wait until something holds for the state s of the page's studio."
    page.wait_for_function(f"() => {{ const s = document.querySelector('.fst')?.studio.state(); return s && ({condition}); }}")


def calm(page):
    "Wait for the studio's finished picture."
    wait_studio(page, "s.frames && !s.busy && s.size === 224")


def at_rest(page):
    "Lay the studio's face to rest: person 9, looking ahead, and nothing acts."
    page.evaluate(f"""() => {{ const d = {STUDIO}.desk; d.express(""); d.explaining && d.explainNow(false);
        d.set({{au: [0, 1].map(() => Array(18).fill(0)), split: false, person: 9, look: {{}}, domain: "lab_color", photo: 0, turn: [0, 0], lamp: [0, 0]}}); }}""")
    calm(page)


def write_notebook(path, *cells):
    "A notebook of code cells."
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nb.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nb, path)
    return path


@contextmanager
def studio_room(jupyter, browser, name, *cells):
    "A folder of the lab, one page with a studio that has shown its first finished picture."
    with jupyter.room(name) as server:
        write_notebook(server.folder / "lesson.ipynb", *cells, "print('the notebook goes on')")
        server.browser, server.page = browser, server.open_notebook(browser, "lesson.ipynb")
        server.run_all(server.page)
        server.page.locator(".fst-row").first.wait_for()
        calm(server.page)
        yield server
