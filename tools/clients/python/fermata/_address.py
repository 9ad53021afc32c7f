"""Where the server is, found as the command line finds it."""
from __future__ import annotations

import os
import pathlib
import re
from typing import Dict, Mapping, Optional, Union

Server = Union[str, "os.PathLike[str]", None]

_SETTING = re.compile(r"""^(dir|control)\s*:\s+(?:"([^"\\]*)"|'([^']*)'|([^\s#"'][^#]*?))\s*(?:\s#.*)?$""")


def control_url(server: Server = None, environment: Optional[Mapping[str, str]] = None) -> str:
    """The URL of the control socket.

    ``server`` is a URL, or the server's directory. Without it the first that is there counts: FERMATA_CONTROL,
    FERMATA_DIR, ``control`` and ``dir`` in the configuration file (FERMATA_CONFIG, else ~/.config/fermata/fermata.yaml),
    ~/.local/state/fermata.
    """
    environment = os.environ if environment is None else environment
    if server is not None:
        place = os.fspath(server)
        return place if "://" in place else _in_directory(place)
    in_file = _configured(environment)
    control = environment.get("FERMATA_CONTROL") or in_file.get("control")
    if control:
        return control
    state = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "."), ".local/state")
    return _in_directory(environment.get("FERMATA_DIR") or in_file.get("dir") or os.path.join(state, "fermata"))


def _in_directory(directory: str) -> str:
    return f"ipc://{os.path.abspath(directory)}/control.sock"


def _configured(environment: Mapping[str, str]) -> Dict[str, str]:
    """The two settings that matter here. The file is YAML, and these are words on a line of their own."""
    path = environment.get("FERMATA_CONFIG")
    if not path:
        home = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "."), ".config")
        path = os.path.join(home, "fermata/fermata.yaml")
        if not os.path.exists(path):
            return {}
    found: Dict[str, str] = {}
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        setting = _SETTING.match(line)
        if setting:
            found[setting[1]] = next(value for value in setting.groups()[1:] if value is not None)
    return found
