"""What the sampling sees of a real process and its child."""

import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.sampling import MIB, Watch, descendants, resident, used_by

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "held = bytearray(64 << 20); print('held', flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(child.stdout.readline().decode().strip(), flush=True)
input()
for _ in range(3_000_000): pass
child.communicate(b"\\n")
input()
"""


def test_a_child_counts_with_the_tree_and_its_parent_alone_does_not() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with Watch(process.pid) as watch:
            while watch.tree_peak == 0:
                time.sleep(0.01)
            assert len(list(descendants(process.pid))) == 1
            process.stdin.write(b"\n")
            process.stdin.flush()
            while list(descendants(process.pid)):
                time.sleep(0.01)
        process.stdin.write(b"\n")
    assert watch.tree_peak > watch.own_peak + 64 * MIB / 2
    assert 0 < watch.own_peak < 64 * MIB
    assert watch.cpu.own > 0
    assert watch.cpu.children > 0


def test_a_process_that_is_gone_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert resident(process.pid) == 0


def test_what_a_command_takes_is_its_own_and_not_what_its_starter_holds(tmp_path: Path) -> None:
    held = b"x" * (256 * MIB)
    found = used_by([sys.executable, "-c", "raise SystemExit(3)"], tmp_path)
    assert len(held) == 256 * MIB
    assert found.code == 3
    assert 0 < found.peak < 128 * MIB
    assert found.seconds > 0
