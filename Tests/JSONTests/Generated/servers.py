"""Writes the tools of real MCP servers from PyPI: servers-<year>-<month>.json beside this.

    python3 servers.py FOLDER     makes an environment for each server in FOLDER

Each server is started over stdio and asked for its tools; none needs a network or credentials for that.
"""

import datetime
import json
import pathlib
import select
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent

# Package, and how it is started.
SERVERS = {
    "mcp-server-fetch": ["mcp-server-fetch"],
    "mcp-server-git": ["mcp-server-git"],
    "mcp-server-time": ["mcp-server-time"],
    "mcp-server-sqlite": ["mcp-server-sqlite", "--db-path", "{folder}/test.db"],
    "mcp-server-calculator": ["mcp-server-calculator"],
    "excel-mcp-server": ["excel-mcp-server", "stdio"],
    "mcp-server-duckdb": ["mcp-server-duckdb", "--db-path", "{folder}/duck.db"],
    "duckduckgo-mcp-server": ["duckduckgo-mcp-server"],
    "arxiv-mcp-server": ["arxiv-mcp-server", "--storage-path", "{folder}/papers"],
    "mcp-text-editor": ["mcp-text-editor"],
    "mcp-pandoc": ["mcp-pandoc"],
    "cli-mcp-server": ["cli-mcp-server"],
}


def tools(command, folder):
    """The server's answer to tools/list."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "ALLOWED_DIR": str(folder)})
    try:
        def send(message):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()

        def answer(number):
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline:
                if not select.select([process.stdout], [], [], 1)[0]:
                    continue
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError("the server has ended")
                try:
                    message = json.loads(line)
                except ValueError:
                    continue  # Some write other things as well.
                if message.get("id") == number:
                    return message["result"]
            raise RuntimeError("no answer")

        send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "golden", "version": "1"}}})
        answer(1)
        send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        send({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        return answer(2)["tools"]
    finally:
        process.kill()
        process.wait()


def main():
    folder = pathlib.Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    entries, servers = [], 0
    for package, command in SERVERS.items():
        home = folder / package
        try:
            if not (home / "bin" / command[0]).exists():
                subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
                subprocess.run([str(home / "bin" / "pip"), "install", "-q", package], check=True, timeout=600)
            start = [str(home / "bin" / command[0])] + [part.format(folder=home) for part in command[1:]]
            try:
                found = tools(start, home)
            except RuntimeError:
                # Written for the first version of the library, without saying so.
                subprocess.run([str(home / "bin" / "pip"), "install", "-q", "mcp<2"], check=True, timeout=600)
                found = tools(start, home)
        except Exception as error:
            print(f"{package}: {type(error).__name__}: {error}", file=sys.stderr)
            continue
        servers += 1
        for tool in found:
            for key in ("inputSchema", "outputSchema"):
                if tool.get(key):
                    entries.append({"name": f"{package}: {tool['name']}: {key}", "schema": tool[key]})
        print(f"{package}: {len(found)} tools", flush=True)
    for old in HERE.glob("servers-*.json"):
        old.unlink()
    path = HERE / f"servers-{datetime.date.today():%Y-%m}.json"
    path.write_text("[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]\n")
    print(f"{path.name}: {len(entries)} schemas of {servers} servers")


if __name__ == "__main__":
    main()
