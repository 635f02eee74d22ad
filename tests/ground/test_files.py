"Files: whole or not at all, lines that survive a cut anywhere, tables that come back."
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from fer_nb.files import append_line, data_file, drop_parts, make_folder, read_csv, read_lines, whole_file, write_csv, write_whole

ROWS = [{"seed": 0, "name": "é\n"}, {"seed": 1, "name": "b"}, {"seed": 2, "name": "c"}]


def quiet_lines(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_lines(path)

def test_whole_file_is_all_or_nothing(tmp_path):
    path = tmp_path/"a.txt"
    write_whole(path, "old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
        raise KeyboardInterrupt
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]
    with whole_file(path) as file: file.write(b"new")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]

def test_text_is_utf8_and_bytes_are_bytes(tmp_path):
    write_whole(tmp_path/"a", "für\n"); write_whole(tmp_path/"b", b"\x00\r\n")
    assert (tmp_path/"a").read_bytes() == "für\n".encode() and (tmp_path/"b").read_bytes() == b"\x00\r\n"

def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ValueError, match="path: expected a file in an existing folder, got .*no/a"): write_whole(tmp_path/"no"/"a", "x")
    with pytest.raises(ValueError, match="path: expected a file, got the folder"): write_whole(tmp_path, "x")

def test_a_full_disk_leaves_the_old_file(tmp_path):
    "A real limit on file size, in a process of its own: the error is the system's and nothing stays behind"
    code = """
import resource, signal, sys
from pathlib import Path
from fer_nb.files import write_whole
path = Path(sys.argv[1])/"a.bin"
write_whole(path, b"old")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try: write_whole(path, bytes(100_000))
except OSError as error: print(type(error).__name__, error.errno)
print(path.read_bytes(), [p.name for p in path.parent.iterdir()])
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["OSError 27", "b'old' ['a.bin']"], done.stdout + done.stderr

def test_lines_come_back(tmp_path):
    path = tmp_path/"new"/"folder"/"rows.jsonl"
    assert read_lines(path) == []
    for row in ROWS: append_line(path, row)
    assert quiet_lines(path) == ROWS and path.read_bytes().count(b"\n") == 3

def test_cut_at_any_byte_costs_one_line(tmp_path):
    path = tmp_path/"rows.jsonl"
    for row in ROWS: append_line(path, row)
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = quiet_lines(path)
        assert kept == ROWS[:len(kept)] and len(kept) >= whole[:cut].count(b"\n")
        append_line(path, {"seed": 9})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert read_lines(path) == [*kept, {"seed": 9}], cut

@pytest.mark.parametrize("damage", [b"", b"{", b"null", b"[1]", b"3", b'"text"', b"\xff\xfe", b"NaN x", b"{}" * 2])
def test_a_damaged_line_costs_itself_alone(tmp_path, damage):
    path = tmp_path/"rows.jsonl"
    lines = [json.dumps(row).encode() for row in ROWS]
    path.write_bytes(b"\n".join([lines[0], damage, *lines[1:]]) + b"\n")
    if damage:
        with pytest.warns(UserWarning, match=r"rows.jsonl: left out 1 lines that hold no row \(the first: line 2\)"): assert read_lines(path) == ROWS
    else: assert quiet_lines(path) == ROWS

def test_two_writers_do_not_mix_lines(tmp_path):
    path = tmp_path/"rows.jsonl"
    code = "import sys; from fer_nb.files import append_line\nfor n in range(200): append_line(sys.argv[1], {'who': sys.argv[2], 'n': n, 'long': 'x' * 300})"
    both = [subprocess.Popen([sys.executable, "-c", code, path, who]) for who in "ab"]
    assert [p.wait() for p in both] == [0, 0]
    rows = quiet_lines(path)
    assert {who: [r["n"] for r in rows if r["who"] == who] for who in "ab"} == {who: list(range(200)) for who in "ab"}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=8)

@settings(max_examples=50)
@given(st.lists(st.fixed_dictionaries({"a": texts, "b": texts}), max_size=4))
def test_tables_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp()/"table.csv"
    write_csv(path, rows)
    assert read_csv(path) == rows

def test_columns_in_order_of_appearance(tmp_path):
    write_csv(tmp_path/"a.csv", [{"b": 1}, {"a": 2, "b": None}])
    assert (tmp_path/"a.csv").read_bytes() == b"b,a\n1,\n,2\n"

def test_data_files():
    assert data_file("digits.npz").parent.name == "data_samples"
    for name in ("no.npz", "", ".."):
        with pytest.raises(ValueError, match="name: expected a file of data_samples, got "): data_file(name)
    from fer_nb.wmnist import data_file as same
    assert same("digits.npz") == data_file("digits.npz")

@pytest.mark.skipif(sys.platform == "win32", reason="other limits")
def test_the_longest_name_can_be_written(tmp_path):
    name = "x" * 251 + ".png"
    write_whole(tmp_path/name, b"whole")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"whole")]

def test_a_folder_is_made_or_refused(tmp_path, monkeypatch):
    assert make_folder(tmp_path/"a/b") == tmp_path/"a/b" and (tmp_path/"a/b").is_dir() and make_folder(str(tmp_path/"a")) == tmp_path/"a"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert make_folder("~/c") == tmp_path/"c"
    (tmp_path/"file").write_text("mine")
    for path in ("file", "file/deeper/still"):
        with pytest.raises(ValueError, match="home: expected a folder, got the file .*file$"): make_folder(tmp_path/path, "home")
    assert (tmp_path/"file").read_text() == "mine"

def test_what_a_killed_writer_left_goes_and_what_is_being_written_stays(tmp_path):
    for name in (".0badcafe.99999.part", ".mine.part", ".labels.3.part"): (tmp_path/name).write_bytes(b"half")
    with whole_file(tmp_path/"a.txt") as file:
        file.write(b"a")
        write_whole(tmp_path/"b.txt", b"b") # another writer beside it
    assert sorted(p.name for p in tmp_path.iterdir()) == [".labels.3.part", ".mine.part", "a.txt", "b.txt"] and (tmp_path/"a.txt").read_bytes() == b"a"

KILLED = """
import sys
from fer_nb.files import whole_file
with whole_file(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("written", flush=True)
    sys.stdin.read()
"""

@pytest.mark.skipif(sys.platform == "win32", reason="locks of another kind")
def test_another_process_keeps_its_part_until_it_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED, tmp_path/"a.txt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"written\n"
        drop_parts(tmp_path)
        assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"half"]
        writer.kill()
    assert len(list(tmp_path.iterdir())) == 1
    drop_parts(tmp_path)
    assert not list(tmp_path.iterdir())

@pytest.mark.skipif(sys.platform == "win32", reason="removes no open file")
def test_a_part_removed_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    import fer_nb.files as room
    real, calls = room._lock, []
    def late(file, wait):
        calls.append(wait)
        if len(calls) == 1: os.unlink(file.name) # another writer was quicker
        return real(file, wait)
    monkeypatch.setattr(room, "_lock", late)
    with whole_file(tmp_path/"a.txt") as file: file.write(b"a")
    assert (tmp_path/"a.txt").read_bytes() == b"a" and calls == [True, True]
