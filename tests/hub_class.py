"A real JupyterHub, and a class of scripted students who run a notebook's cells in it at once. Nothing here measures time."
import asyncio, json, os, socket, subprocess, sys, time, urllib.error, urllib.request, uuid
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

import proxy

ROOT = Path(__file__).parents[1]
PATIENCE = 1200  # seconds for what must come, however busy the machine is
CONFIG = """
load_subconfig({config!r})
c.JupyterHub.bind_url, c.JupyterHub.hub_bind_url = {url!r}, "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url, c.ConfigurableHTTPProxy.command = "http://127.0.0.1:{api}", [{proxy!r}]
c.JupyterHub.authenticator_class, c.JupyterHub.spawner_class = "dummy", "simple"
c.Authenticator.allow_all = True
c.JupyterHub.services = [dict(name="class", api_token={token!r})]
c.JupyterHub.load_roles = [dict(name="class", services=["class"], scopes=["admin:users", "admin:servers", "access:servers"])]
c.SimpleLocalProcessSpawner.home_dir_template = {home!r} + "/{{username}}"
c.Spawner.args, c.Spawner.ip = ["--allow-root"], "127.0.0.1"
c.Spawner.environment = {{**c.Spawner.environment, **{env!r}}}
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
c.JupyterHub.log_level = "WARN"
"""


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets: s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets: s.close()
    return ports


class Hub:
    "Its public address, and a token that may do what a teacher may."
    def __init__(self, url, token): self.url, self.token = url, token

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Authorization": f"token {self.token}", "Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply: return json.loads(reply.read() or "null")

    def wait(self, path, right):
        "Ask until the answer is right."
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                if right(answer := self.call("GET", path)): return answer
            except (urllib.error.URLError, ConnectionError, TimeoutError): pass
            time.sleep(.3)
        raise AssertionError(f"{path}: no right answer")


@contextmanager
def hub(folder):
    "A JupyterHub with the course's own configuration; everything it writes is in the folder."
    (front, back, api), token = free_ports(3), uuid.uuid4().hex
    url, home = f"http://127.0.0.1:{front}/", folder/"home"
    home.mkdir()
    env = {"JUPYTER_CONFIG_PATH": str(ROOT/"hub"), "PYTHONPATH": str(ROOT), "PATH": proxy.path()}
    (folder/"jupyterhub_config.py").write_text(CONFIG.format(config=str(ROOT/"hub/jupyterhub_config.py"), url=url, hub=back, api=api, proxy=proxy.find(), token=token,
                                                             home=str(home), env=env, patience=PATIENCE))
    with open(folder/"hub.log", "w") as log:
        process = subprocess.Popen([sys.executable, "-m", "jupyterhub", "-f", "jupyterhub_config.py"], cwd=folder, stdout=log, stderr=subprocess.STDOUT,
                                   env={**os.environ, **env, "CONFIGPROXY_AUTH_TOKEN": uuid.uuid4().hex})
        try:
            made = Hub(url, token)
            made.wait("hub/api/", lambda answer: process.poll() is not None or "version" in answer)
            assert process.poll() is None, (folder/"hub.log").read_text()
            yield made
        finally:
            started = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
            process.terminate() # the hub ends the students' servers; its proxy would stay
            try: process.wait(60)
            except subprocess.TimeoutExpired: process.kill()
            for left in started:
                with suppress(psutil.NoSuchProcess): left.kill()


class Student:
    "Logs in, opens a kernel, runs cells over a websocket as JupyterLab does."
    def __init__(self, hub, name): self.hub, self.name, self.session, self.errors = hub, name, uuid.uuid4().hex, []

    def start(self):
        "The server, and a kernel in it."
        self.hub.call("POST", f"hub/api/users/{self.name}")
        self.hub.call("POST", f"hub/api/users/{self.name}/server", {})
        self.hub.wait(f"hub/api/users/{self.name}", lambda user: user["servers"].get("", {}).get("ready"))
        self.kernel = self.hub.call("POST", f"user/{self.name}/api/kernels", {"name": "python3"})["id"]

    def cells(self, path):
        "The code of a notebook in the student's home."
        found = self.hub.call("GET", f"user/{self.name}/api/contents/{path}")["content"]["cells"]
        return [cell["source"] for cell in found if cell["cell_type"] == "code"]

    async def run(self, *sources):
        "Run cells one after the other; errors are kept, what the last one prints comes back."
        self.line = await self._connect()
        for source in sources: printed = await self._run(source)
        self.line.close()
        return printed

    async def _connect(self):
        "A line to the kernel. When one breaks, the server keeps for its session what the kernel says until there is another."
        address = f"{self.hub.url}user/{self.name}/api/kernels/{self.kernel}/channels?session_id={self.session}".replace("http", "ws", 1)
        return await websocket_connect(HTTPRequest(address, headers={"Authorization": f"token {self.hub.token}"}, request_timeout=PATIENCE), max_message_size=2**30)

    async def _say(self, message):
        with suppress(WebSocketClosedError): return await self.line.write_message(message)
        self.line = await self._connect()
        await self.line.write_message(message)

    async def _hear(self):
        while (message := await asyncio.wait_for(self.line.read_message(), PATIENCE)) is None: self.line = await self._connect()
        return message

    async def _run(self, source):
        header = dict(msg_id=uuid.uuid4().hex, msg_type="execute_request", username=self.name, session=self.session, version="5.3", date="")
        content = dict(code=source, silent=False, store_history=True, user_expressions={}, allow_stdin=False, stop_on_error=True)
        await self._say(json.dumps(dict(header=header, parent_header={}, metadata={}, content=content, channel="shell", buffers=[])))
        printed, left = "", {"reply", "idle"}
        while left:
            message = await self._hear()
            if isinstance(message, bytes): continue # frames of the theatre
            told = json.loads(message)
            if told["parent_header"].get("msg_id") != header["msg_id"]: continue
            kind, content = told["msg_type"], told["content"]
            if kind == "stream" and content["name"] == "stdout": printed += content["text"]
            elif kind == "error": self.errors.append(f"{content['ename']}: {content['evalue']}\n{source[:300]}")
            elif kind == "execute_reply": left.discard("reply")
            elif kind == "status" and content["execution_state"] == "idle": left.discard("idle")
        return printed
