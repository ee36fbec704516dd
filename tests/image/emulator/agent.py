"""Runs inside an emulated box, on the serial line of its root shell, with the box's Python alone.

A request and an answer are JSON, one a line; one request at a time. See guest.py, which types this file in.

    {"run": "systemctl --failed", "within": 10}   -> {"code": 0, "out": "..."}
    {"ask": {"verb": "status"}, "within": 10}     -> {"reply": {...}}, what the box's control socket answers
    {"write": PATH, "data": BASE64}               -> {}
    {"read": PATH}                                -> {"data": BASE64}

Whatever goes wrong is {"error": "..."}.
"""

import base64
import json
import os
import socket
import subprocess
import sys
import termios
import tty

SOCKET = "/run/meetingbox/control.sock"
OUTPUT_MAX = 4 << 20  # bytes; of more its end


def run(request):
    done = subprocess.run(
        ["/bin/sh", "-c", request["run"]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=request["within"],
        check=False,
    )
    return {"code": done.returncode, "out": done.stdout[-OUTPUT_MAX:].decode(errors="replace")}


def ask(request):
    with socket.socket(socket.AF_UNIX) as box:
        box.settimeout(request["within"])
        box.connect(SOCKET)
        box.sendall(json.dumps(request["ask"]).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            part = box.recv(65536)
            if not part:
                raise OSError("the box ended the connection")
            answer += part
    return {"reply": json.loads(answer)}


def write(request):
    with open(request["write"], "wb") as file:
        file.write(base64.b64decode(request["data"]))
    return {}


def read(request):
    with open(request["read"], "rb") as file:
        return {"data": base64.b64encode(file.read(OUTPUT_MAX)).decode()}


def answer(line):
    try:
        request = json.loads(line)
        for name, act in (("run", run), ("ask", ask), ("write", write), ("read", read)):
            if name in request:
                return act(request)
        return {"error": "unknown request"}
    except Exception as error:
        return {"error": type(error).__name__ + ": " + str(error)}


def main():
    tty.setraw(0, termios.TCSANOW)
    os.chdir("/")
    with open(0, "rb", buffering=0, closefd=False) as lines:
        rest = b""
        sys.stdout.write("agent-ready\n")
        sys.stdout.flush()
        while True:
            rest += lines.read(4096)
            *whole, rest = rest.split(b"\n")
            for line in whole:
                if line.strip():
                    sys.stdout.write(json.dumps(answer(line)) + "\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    main()
