"""The signaling server under what its unit forbids, as far as a process can forbid it itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from net.service_manager import Manager

# PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN, prctl(2): the kernel's own MemoryDenyWriteExecute=, Linux 6.3.
# PR_SET_NO_NEW_PRIVS.
SANDBOXED = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(65, 1, 0, 0, 0) != 0:
    sys.exit(77)
assert libc.prctl(38, 1, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_it_serves_without_memory_that_is_written_and_run(tmp_path: Path) -> None:
    config = tmp_path / "serve.toml"
    config.write_text('interfaces = ["lo"]\n[signaling]\nport = 0\n')
    with Manager(tmp_path, 6.0) as manager:
        argv = [sys.executable, "-c", SANDBOXED, "-m", "appliance", "serve", "--config", str(config)]
        process = subprocess.Popen(
            argv, env={**os.environ, **manager.environment}, stderr=subprocess.PIPE, text=True
        )
        try:
            if process.poll() == 77:
                pytest.skip("this kernel has no PR_SET_MDWE")
            manager.wait_for("READY=1", 30)
            manager.wait_for("WATCHDOG=1", 10)
        finally:
            process.terminate()
            _, said = process.communicate(timeout=10)
    assert process.returncode == 0, said
    assert "Traceback" not in said
