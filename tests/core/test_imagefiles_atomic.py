import os
import signal
import subprocess
import sys
import textwrap

import pytest
from arrays import leftovers

from napari_ecc_align._common.atomic import move_into_place, same_file, write_atomically
from napari_ecc_align._common.errors import InputError


class TestAtomic:
    def test_bytes_and_writer(self, tmp_path):
        write_atomically(tmp_path / "a.json", b"{}")
        write_atomically(str(tmp_path / "b.json"), lambda file: file.write(b"[]"))
        assert (tmp_path / "a.json").read_bytes() == b"{}"
        assert (tmp_path / "b.json").read_bytes() == b"[]"
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_a_failing_writer_leaves_the_old_file(self, tmp_path, error):
        path = tmp_path / "a.json"
        path.write_bytes(b"old")

        def fail(file):
            file.write(b"half of the new")
            raise error

        with pytest.raises(error):
            write_atomically(path, fail, overwrite=True)
        assert path.read_bytes() == b"old"
        assert leftovers(tmp_path) == []

    def test_a_full_disk_is_an_input_error(self, tmp_path):
        def fail(file):
            raise OSError(28, "No space left on device")

        with pytest.raises(InputError, match="No space left"):
            write_atomically(tmp_path / "a.json", fail)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("links", [True, False])
    def test_a_file_that_appears_meanwhile_is_kept(self, tmp_path, monkeypatch, links):
        path = tmp_path / "a.json"
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        with pytest.raises(InputError, match="exists already"):
            write_atomically(path, lambda file: path.write_bytes(b"theirs"))
        assert path.read_bytes() == b"theirs"
        assert leftovers(tmp_path) == []

    def test_without_hard_links(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "link", no_links)
        write_atomically(tmp_path / "a.json", b"{}")
        assert (tmp_path / "a.json").read_bytes() == b"{}"
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize("links", [True, False])
    def test_a_finished_file_gets_its_name(self, tmp_path, monkeypatch, links):
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        finished, path = tmp_path / "finished", tmp_path / "a"
        path.write_bytes(b"old")
        finished.write_bytes(b"new")
        with pytest.raises(InputError, match="exists already"):
            move_into_place(finished, path, overwrite=False)
        assert (path.read_bytes(), finished.read_bytes()) == (b"old", b"new")
        move_into_place(finished, path, overwrite=True)
        assert path.read_bytes() == b"new"
        finished.write_bytes(b"newer")
        path.unlink()
        move_into_place(finished, path, overwrite=False)
        assert path.read_bytes() == b"newer"
        with pytest.raises(InputError, match="cannot write"):
            move_into_place(tmp_path / "none", path, overwrite=True)
        with pytest.raises(InputError, match="cannot write"):
            move_into_place(tmp_path / "none", tmp_path / "b", overwrite=False)
        assert not (tmp_path / "b").exists()

    def test_a_dangling_link_is_in_the_way(self, tmp_path):
        (tmp_path / "a.json").symlink_to(tmp_path / "none")
        with pytest.raises(InputError, match="exists already"):
            write_atomically(tmp_path / "a.json", b"{}")

    def test_overwriting_a_link_leaves_what_it_points_to(self, tmp_path):
        (tmp_path / "input").write_bytes(b"input")
        (tmp_path / "a.json").symlink_to(tmp_path / "input")
        write_atomically(tmp_path / "a.json", b"{}", overwrite=True)
        assert (tmp_path / "input").read_bytes() == b"input"

    def test_the_longest_names(self, tmp_path):
        path = tmp_path / ("ä" * 120 + ".json")
        write_atomically(path, b"{}")
        assert path.read_bytes() == b"{}"

    @pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
    def test_permissions_follow_the_umask(self, tmp_path):
        write_atomically(tmp_path / "a", b"")
        (tmp_path / "b").touch()
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode

    @pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kills as POSIX does")
    @pytest.mark.parametrize("old", [None, b"old"])
    def test_killed_while_writing(self, tmp_path, old):
        path = tmp_path / "a.png"
        if old is not None:
            path.write_bytes(old)
        script = """
            import os, signal, sys
            from napari_ecc_align._common.atomic import write_atomically

            def writer(file):
                file.write(b"half")
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)

            write_atomically(sys.argv[1], writer, overwrite=True)
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(script), path], check=False)
        assert done.returncode == -signal.SIGKILL
        assert (path.read_bytes() if path.exists() else None) == old


def no_links(source, target):
    raise OSError(1, "Operation not permitted")


def test_same_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").touch()
    (tmp_path / "b").touch()
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "hard").hardlink_to("a")
    (tmp_path / "x").mkdir()
    for other in ("a", "soft", "hard", tmp_path / "a", tmp_path / "x" / ".." / "a"):
        assert same_file("a", other)
    assert not same_file("a", "b")
    assert not same_file("a", "none")
    assert same_file("none", tmp_path / "none")
