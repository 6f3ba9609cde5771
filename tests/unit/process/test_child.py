"""Programs of our own: started with a channel, an empty standard input, and nothing else that is open here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from lab.processes import ended
from lab.waiting import until

from relay.process import ipc
from relay.process.child import Program
from relay.process.ipc import Limits

LIMITS = Limits(words=1 << 20)
PROGRAM = """
import os, socket, sys
from relay.process import ipc
channel = socket.socket(fileno=int(sys.argv[1]))
def path(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return None
open_ = {fd: path(fd) for fd in os.listdir("/proc/self/fd")}
ipc.send(channel, {
    "open": {fd: to for fd, to in open_.items() if to},
    "environment": dict(os.environ), "folder": os.getcwd(), "group": os.getpgid(0), "session": os.getsid(0),
    "relay": ipc.__file__, "pid": os.getpid(),
})
while ipc.receive(channel, ipc.Limits()):
    pass
"""


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A program that tells what it has, until its channel ends."""
    (tmp_path / "teller.py").write_text(PROGRAM)
    (tmp_path / "python").write_text(
        f"#!{sys.executable}\nimport os, sys\nsys.path.insert(0, {str(tmp_path)!r})\n"
        f'sys.path.insert(0, os.environ["PYTHONPATH"])\nsys.argv = sys.argv[3:]\nimport teller\n'
    )
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return "teller"


async def test_what_it_has_and_what_it_has_not(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THIS_PROCESS", "x")
    reading, writing = os.pipe()
    nothing = os.dup(0)
    os.dup2(reading, 0)
    kept, gone = os.memfd_create("kept"), os.memfd_create("gone", 0)  # inheritable, as a library may leave one
    try:
        child = await Program(module, environment={}, silent=True).start([kept])
        frame = await child.channel.receive(LIMITS)
        assert frame
        told = frame.words
        targets = list(told["open"].values())
        assert sum(to.startswith("/memfd:kept") for to in targets) == 1
        assert not any(to.startswith("/memfd:gone") for to in targets)
        assert sum(to.startswith("socket:") for to in targets) == 1
        assert [told["open"][fd] for fd in "012"] == ["/dev/null"] * 3
        assert set(told["environment"]) <= {"PYTHONPATH", "LC_CTYPE"}
        assert told["folder"] == "/"
        assert told["group"] == told["pid"] == child.pid
        assert told["session"] == os.getsid(0)
        assert told["relay"] == ipc.__file__
        child.kill()
        assert await child.wait() == child.status == -signal.SIGKILL
        assert await child.channel.receive(LIMITS) is None
        child.kill()
        child.signal(signal.SIGTERM)  # harmless by now
        child.channel.close()
    finally:
        os.dup2(nothing, 0)
        for descriptor in (kept, gone, reading, writing, nothing):
            os.close(descriptor)


async def test_one_in_a_session_of_its_own_keeps_folder_and_environment(module: str) -> None:
    child = await Program(module, folder=None, session=True).start()
    frame = await child.channel.receive(LIMITS)
    assert frame
    assert frame.words["session"] == child.pid
    assert frame.words["folder"] == str(Path.cwd())
    assert frame.words["environment"]["PATH"] == os.environ["PATH"]
    child.channel.close()
    assert await child.wait() == 0


def test_one_that_a_thread_waits_for_ends_with_its_channel(module: str) -> None:
    process, channel = Program(module).run()
    frame = ipc.receive(channel, LIMITS)
    assert frame
    assert frame.words["pid"] == process.pid
    channel.close()
    assert process.wait(10) == 0


async def test_where_none_can_be_started_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = open_descriptors()
    for _ in range(3):
        with pytest.raises(OSError, match="nowhere"):
            await Program("teller").start()
        with pytest.raises(OSError, match="nowhere"):
            Program("teller").run()
    await asyncio.sleep(0)
    await until(lambda: open_descriptors() <= before)


async def test_one_whose_parent_is_killed_sees_the_end_of_its_channel(module: str, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        f"sys.path[:0] = [{str(Path(ipc.__file__).parents[2])!r}]\n"
        "from relay.process.child import Program\n"
        f"interpreter, sys.executable = sys.executable, {sys.executable!r}\n"
        f"process, _ = Program({module!r}).run()\nprint(process.pid, flush=True)\ntime.sleep(600)\n"
    )
    python = (tmp_path / "python").read_text().splitlines()[0].removeprefix("#!")
    parent = await asyncio.create_subprocess_exec(python, str(script), stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await until(lambda: ended(pid))
    await parent.communicate()  # the child had its output too: asyncio closes its own end once that has ended
