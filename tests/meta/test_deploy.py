"""What the deployment files name is there, and every process that `up` starts is in each of them."""

import re
from pathlib import Path
from typing import Any

import yaml

from base.settings import ROOT, load_settings
from koudmen import processes
from koudmen.cli import COMMANDS

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def wanted() -> set[str]:
    """The words that tell the processes apart: `worker turn`, `sweeper`, `webhooks.app` and so on."""
    found = {" ".join(process.argv[3:5]) for process in processes.workers({})}
    found |= {process.argv[-1] for process in processes.applications(load_settings({}), {})}
    return {re.sub(r" --number.*", "", name) for name in found} | {"nlu/serve.py"}


def started(text: str) -> set[str]:
    return {name for name in wanted() if name in text}


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))
    return found


def test_systemd_starts_everything() -> None:
    texts = "\n".join(unit.read_text() for unit in UNITS)
    assert started(texts) == wanted()
    target = (DEPLOY / "systemd" / "koudmen.target").read_text()
    for unit in UNITS:
        if "oneshot" not in unit.read_text():
            assert unit.name.replace("@.", "@1.") in target


def test_so_does_compose() -> None:
    lines = [" ".join([*one.get("entrypoint", []), *one.get("command", [])]) for one in compose()["services"].values()]
    assert started("\n".join(lines)) == wanted()


def test_every_command_of_ours_is_there() -> None:
    texts = [unit.read_text() for unit in UNITS] + [(DEPLOY / "compose.yml").read_text()]
    named = re.findall(r"bin/koudmen (\w+)|koudmen\.cli, (\w+)", "\n".join(texts))
    assert named
    assert {one or two for one, two in named} <= set(COMMANDS)


def test_no_unit_runs_as_root_or_without_its_walls() -> None:
    for unit in UNITS:
        text = unit.read_text()
        assert "User=koudmen" in text
        assert "UMask=0077" in text
        assert "EnvironmentFile=/etc/koudmen.env" in text


def test_the_staff_site_is_given_no_key_of_twilio() -> None:
    staff = next(unit for unit in UNITS if "staff" in unit.name).read_text()
    assert "UnsetEnvironment=TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN" in staff


def servers() -> dict[str, str]:
    """nginx's blocks for https, by name."""
    blocks = re.split(r"(?m)^server \{", (DEPLOY / "nginx.conf").read_text())[1:]
    return {
        found[1]: block for block in blocks if "ssl;" in block and (found := re.search(r"server_name (\S+);", block))
    }


def test_the_world_reaches_webhooks_only_and_nothing_is_logged() -> None:
    text = servers()["koudmen.example"]
    assert "access_log off;" in text
    open_to_all = re.findall(r"location (?:= )?(\S+)\s*\{(?![^}]*deny all)[^}]*proxy_pass", text)
    assert open_to_all == ["/webhooks/", "/healthz"]
    assert "koudmen_staff" not in text


def test_the_staff_site_is_apart_closed_and_live() -> None:
    text = servers()["staff.koudmen.example"]
    assert "access_log off;" in text
    assert re.search(r"allow \S+;.*\n\s*deny all;", text)
    assert "koudmen_web" not in text
    assert "proxy_buffering off;" in text.partition("location = /live")[2].partition("}")[0]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text, "the caller's own words about it are not passed on"


def test_only_this_machine_reaches_the_containers() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_paths_exist() -> None:
    for name in ("nlu/serve.py", "nlu/train.py", "deploy/Dockerfile"):
        assert Path(ROOT / name).exists()
