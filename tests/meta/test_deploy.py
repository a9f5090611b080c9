"""What the deployment files name is there, and every process that `up` starts is in each of them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from base.settings import ROOT, load_settings
from koudmen import processes
from koudmen.cli import COMMANDS
from tests.deploy import programs

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
        for wall in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "LimitCORE=0"):
            assert wall in text, f"{unit.name}: {wall}"


def test_systemd_itself_finds_no_fault(tmp_path: Path) -> None:
    """With our folder in the place of /srv/koudmen, so that it also looks whether each program is there."""
    for unit in (DEPLOY / "systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace("/srv/koudmen", str(ROOT)))
    done = subprocess.run(
        [programs.found("systemd-analyze"), "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_backup_is_kept_for_each_day_of_a_week_and_tried() -> None:
    text = (DEPLOY / "systemd" / "koudmen-backup.service").read_text()
    made, tried = re.findall(r"ExecStart=.*koudmen backup (.+?)( --drill)?'", text)
    assert made[0] == tried[0]
    assert "$(date -u +%%A)" in made[0]
    assert (made[1], tried[1]) == ("", " --drill")


def test_the_staff_site_is_given_no_key_of_twilio() -> None:
    staff = next(unit for unit in UNITS if "staff" in unit.name).read_text()
    assert "UnsetEnvironment=TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN" in staff


def servers() -> dict[str, str]:
    """nginx's blocks for https, by name."""
    blocks = re.split(r"(?m)^server \{", (DEPLOY / "nginx.conf").read_text())[1:]
    return {
        found[1]: block for block in blocks if " ssl " in block and (found := re.search(r"server_name (\S+);", block))
    }


def test_the_world_reaches_webhooks_only_and_nothing_is_logged() -> None:
    text = servers()["koudmen.example"]
    assert "access_log off;" in text
    open_to_all = re.findall(r"location (?:= )?(\S+)\s*\{(?![^}]*deny all)[^}]*proxy_pass", text)
    assert open_to_all == ["/webhooks/", "/hsds", "/healthz"]
    assert "koudmen_staff" not in text
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text.partition("location")[0]
    assert text.count("proxy_set_header") == 3, "a location with one of its own would inherit none"


def test_the_staff_site_is_apart_closed_and_live() -> None:
    text = servers()["staff.koudmen.example"]
    assert "access_log off;" in text
    assert re.search(r"allow \S+;.*\n\s*deny all;", text)
    assert "koudmen_web" not in text
    assert "proxy_buffering off;" in text.partition("location = /live")[2].partition("}")[0]
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in text, "the caller's own words about it are not passed on"
    assert "http2 on" not in text, "no word of nginx before 1.25.1, which Debian 12 has"
    large = re.findall(r"location = (\S+) \{[^}]*client_max_body_size 20m;", text)
    assert (large, text.count("20m")) == (["/directory/files"], 1)


def test_only_this_machine_reaches_the_containers() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_in_a_container_too_the_staff_site_is_given_no_key_of_twilio_and_rasa_none_of_ours() -> None:
    services = compose()["services"]
    hidden = {name for name, value in services["staff"]["environment"].items() if value == ""}
    assert hidden >= {"TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_SHARED_KEYS", "RASA_TOKEN"}
    assert services["staff"]["environment"]["DATABASE_URL"]
    rasa = services["rasa"]
    assert set(rasa["environment"]) == {"RASA_TOKEN"}
    assert not {"env_file", "volumes"} & set(rasa)


def test_all_of_ours_reach_rasa_on_loopback_and_nothing_of_theirs_is_root_s() -> None:
    services = {name: one for name, one in compose()["services"].items() if name not in {"postgres", "valkey", "pod"}}
    for name, one in services.items():
        assert one["network_mode"] == "service:pod", name
        assert one["cap_drop"] == ["ALL"], name
        assert one["security_opt"] == ["no-new-privileges:true"], name
    assert set(compose()["services"]) - set(services) == {"postgres", "valkey", "pod"}
    asked = {one.get("environment", {}).get("RASA_URL", "http://127.0.0.1:5005") for one in services.values()}
    assert asked == {"http://127.0.0.1:5005"}


def test_volumes_and_dependencies_of_the_containers_are_there() -> None:
    whole = compose()
    for name, one in whole["services"].items():
        for volume in one.get("volumes", []):
            assert volume.partition(":")[0] in whole["volumes"], name
        assert set(one.get("depends_on", {})) <= set(whole["services"]), name


def test_what_the_image_is_made_of_is_there_and_it_does_not_run_as_root() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line]
    ignored = (ROOT / ".dockerignore").read_text().split()
    for source in (name for names in copied for name in names):
        assert (ROOT / source).exists()
        assert source not in ignored
    assert re.findall(r"(?m)^USER (\S+)", text) == ["koudmen"]
    images = re.findall(r"(?m)^FROM (\S+)", text) + [one["image"] for one in compose()["services"].values()]
    assert all(":" in image or image == "koudmen" for image in images)
    assert not any(image.endswith(":latest") for image in images)
    assert "--no-editable" not in text, "the code finds config.yml and nlu/ beside itself"
    assert {".env*", ".koudmen", "*.dump", ".git"} <= set(ignored), "no secret and no person gets into an image"


def test_the_environment_that_compose_asks_for_is_documented() -> None:
    text = (DEPLOY / "compose.yml").read_text()
    documented = (ROOT / "docs" / "operating.md").read_text()
    for name in set(re.findall(r"\$\{([A-Z_]+)", text)):
        assert f"`{name}`" in documented, name


def test_paths_exist() -> None:
    for name in ("nlu/serve.py", "nlu/train.py", "deploy/Dockerfile"):
        assert Path(ROOT / name).exists()
